import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostName, isFromOwnPage, isOwnHost, isThroughTls } from '#src/console/requestGuard.js';

describe('the host that the console is asked under', () => {
  for (const host of [
    'localhost',
    'LocalHost:9090',
    '127.0.0.1:9090',
    '10.1.2.3',
    '[::1]:9090',
    'box.lan:9090',
  ]) {
    it(`takes ${host}`, () => assert.ok(isOwnHost(host, ['box.lan'])));
  }
  for (const host of [
    undefined,
    '',
    'attacker.example:9090',
    'localhost.attacker.example',
    '127.0.0.1.attacker.example',
    'localhost:9090:1',
    'a@localhost',
    '[::1',
    'box.lan.attacker.example',
  ]) {
    it(`refuses ${host}`, () => assert.ok(!isOwnHost(host, ['box.lan'])));
  }
  it('is read without its port', () => {
    assert.deepEqual(['A.b:1', '[2001:DB8::1]', 'x y'].map(hostName), ['a.b', '2001:db8::1', undefined]);
  });
});

describe('a request that changes something', () => {
  const own = { host: 'localhost:9090', origin: 'http://localhost:9090', 'x-fxn-console': '1' };
  it("is taken from the console's own page, also behind a proxy that ends TLS", () => {
    assert.ok(isFromOwnPage(own));
    assert.ok(isFromOwnPage({ ...own, origin: 'https://localhost:9090' }));
  });
  for (const [what, headers] of [
    ['another site', { ...own, origin: 'http://attacker.example' }],
    ['another port of this machine', { ...own, origin: 'http://localhost:3000' }],
    ['a sandboxed frame', { ...own, origin: 'null' }],
    ['a form, which cannot set headers', { host: own.host, origin: own.origin }],
    ['something without an origin', { host: own.host, 'x-fxn-console': '1' }],
    ['a host that only begins alike', { ...own, origin: 'http://localhost:90901' }],
  ] as const) {
    it(`is refused from ${what}`, () => assert.ok(!isFromOwnPage(headers)));
  }
  it('tells by its origin whether the browser came through TLS', () => {
    assert.deepEqual(
      [own.origin, 'https://box.lan', undefined].map((origin) =>
        isThroughTls(origin === undefined ? {} : { origin }),
      ),
      [false, true, false],
    );
  });
});
