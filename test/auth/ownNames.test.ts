import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOwnNames, type OwnNamesOptions } from '#src/auth/ownNames.js';

const bare = { publicUrl: '', authorities: [], listenAddress: '127.0.0.1', port: 8080, isTls: false };
const namesOf = (changes: Partial<OwnNamesOptions> = {}): string[] => [
  ...createOwnNames({ ...bare, ...changes }).names,
];

describe("a node's own names", () => {
  it('are where it listens when it is given none', () => {
    assert.deepEqual(namesOf(), ['127.0.0.1:8080']);
    assert.deepEqual(namesOf({ listenAddress: '::1' }), ['[::1]:8080']);
    assert.deepEqual(namesOf({ port: 80 }), ['127.0.0.1']);
    assert.deepEqual(namesOf({ port: 443, isTls: true }), ['127.0.0.1']);
    assert.deepEqual(namesOf({ port: 443 }), ['127.0.0.1:443']);
  });

  it('are the public URL and the authorities otherwise, and only those', () => {
    assert.deepEqual(namesOf({ publicUrl: 'https://Node.Example:443/base/' }), ['node.example']);
    assert.deepEqual(namesOf({ publicUrl: 'http://node.example:8080' }), ['node.example:8080']);
    assert.deepEqual(namesOf({ authorities: ['a.example', 'B.example:8443'] }), [
      'a.example',
      'b.example:8443',
    ]);
    assert.deepEqual(namesOf({ publicUrl: 'https://a.example', authorities: ['a.example:443'] }), [
      'a.example',
    ]);
  });

  it('come with the scheme that callers use: the public one, else whether this node does TLS', () => {
    assert.equal(createOwnNames({ ...bare, publicUrl: 'https://a.example' }).scheme, 'https');
    assert.equal(createOwnNames({ ...bare, publicUrl: 'http://a.example', isTls: true }).scheme, 'http');
    assert.equal(createOwnNames({ ...bare, isTls: true }).scheme, 'https');
    assert.equal(createOwnNames(bare).scheme, 'http');
  });

  it('are found by a Host in any letter case, with or without the default port', () => {
    const { find } = createOwnNames({ ...bare, publicUrl: 'https://node.example', authorities: ['[::1]:9'] });
    assert.equal(find('NODE.example:443'), 'node.example');
    assert.equal(find('node.example'), 'node.example');
    assert.equal(find('[::1]:9'), '[::1]:9');
    for (const other of [
      '',
      'node.example:80',
      'node.example.',
      'xnode.example',
      'node.example:4430',
      '[::1]',
      ':443',
    ]) {
      assert.equal(find(other), undefined, other);
    }
  });
});
