import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { collectorOf } from '#src/tracing/collector.js';
import { propertyRuns } from '#test/runs.js';

describe('the address of a collector', () => {
  for (const [endpoint, url] of [
    ['http://c:4318', 'http://c:4318/v1/traces'],
    ['http://c:4318/', 'http://c:4318/v1/traces'],
    ['http://c:4318/v1/traces', 'http://c:4318/v1/traces'],
    ['http://c:4318/v1/traces/', 'http://c:4318/v1/traces'],
    ['https://c/otlp', 'https://c/otlp/v1/traces'],
    ['https://c/otlp/v1/traces?key=k', 'https://c/otlp/v1/traces?key=k'],
    ['https://c/?key=k', 'https://c/v1/traces?key=k'],
  ]) {
    it(`is ${url} for ${endpoint}`, () => {
      assert.deepEqual(collectorOf(endpoint!), { url, headers: {}, label: new URL(url!).host });
    });
  }

  it('takes credentials as a header, however they are written', () => {
    assert.deepEqual(collectorOf('http://user:p%40ss@c:1').headers, {
      authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    });
    assert.deepEqual(collectorOf('http://:100%@c:1').headers, {
      authorization: `Basic ${Buffer.from(':100%').toString('base64')}`,
    });
  });

  it('never shows credentials or the query in its label, and never keeps credentials in its URL', () => {
    const word = fc.stringMatching(/^[a-z0-9%]{8,20}$/);
    fc.assert(
      fc.property(word, word, word, (user, password, query) => {
        const { url, label } = collectorOf(`http://${user}:${password}@collector:4318/${query}?k=${query}`);
        assert.equal(label, 'collector:4318');
        assert.ok(!url.includes('@'));
      }),
      { numRuns: propertyRuns(300) },
    );
  });
});
