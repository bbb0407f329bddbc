import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { requestHead } from '#src/upstream/requestHead.js';
import { propertyRuns } from '../runs.js';

const lines = 'host: a\r\nconnection: keep-alive\r\n';
const describedBy = (more: Partial<Parameters<typeof requestHead>[0]>): string =>
  requestHead({ method: 'POST', path: '/v1/x', headers: {}, body: null, ...more }, lines);

describe('the head of a request', () => {
  it('names the method, the path, the host, the headers and the length', () => {
    assert.equal(
      describedBy({ path: '/v1/x?y=1', headers: { a: 'b', 'x-c': 'd e' }, body: Buffer.from('{}') }),
      `POST /v1/x?y=1 HTTP/1.1\r\n${lines}a: b\r\nx-c: d e\r\ncontent-length: 2\r\n\r\n`,
    );
  });

  it('tells a length of 0 only where a body is expected', () => {
    for (const method of ['POST', 'PUT', 'PATCH'])
      assert.match(describedBy({ method }), /\r\ncontent-length: 0\r\n\r\n$/);
    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS'])
      assert.doesNotMatch(describedBy({ method }), /content-length/);
  });

  it('lets no value and no path begin a line of its own', () => {
    const breaks = fc.constantFrom('\r', '\n', '\r\n', '\0', '\x7f', '\u010a', '\u{1f600}');
    fc.assert(
      fc.property(fc.string(), breaks, fc.string(), (before, character, behind) => {
        const text = before + character + behind;
        assert.throws(() => describedBy({ headers: { a: text } }), TypeError);
        assert.throws(() => describedBy({ path: `/${text}` }), TypeError);
        assert.throws(() => describedBy({ path: `/${before} ${behind}` }), TypeError);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('is read by Node as it was meant', async () => {
    const server = createServer((request, response) => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const head = describedBy({
      headers: { 'x-bytes': '\xe9\xff', 'x-tab': 'a\tb' },
      body: Buffer.from('{}'),
    });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (data) => {
        text += data.toString();
        if (text.includes('}}')) socket.destroy();
      });
      socket.on('close', () => resolve(text));
      socket.write(`${head}{}`, 'latin1');
    });
    server.close();
    const read = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as object;
    assert.deepEqual(read, {
      method: 'POST',
      url: '/v1/x',
      headers: {
        host: 'a',
        connection: 'keep-alive',
        'x-bytes': '\xe9\xff',
        'x-tab': 'a\tb',
        'content-length': '2',
      },
    });
  });
});
