import assert from 'node:assert/strict';
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { httpbis } from 'http-message-signatures';
import { type InnerList, parseDictionary, serializeInnerList } from 'structured-headers';
import { type CoverableHead, signatureBase } from '#src/auth/signatureBase.js';
import { NodeError } from '#src/errors/nodeError.js';
import { propertyRuns } from '#test/runs.js';
import { ed25519PublicKey, exampleRequest, examples, sharedSecret } from './rfc9421Examples.js';

const target = { scheme: 'https', authority: 'example.com' };

function baseOf(names: readonly string[], changes: Partial<CoverableHead> = {}, parameters = '()'): string {
  const base = signatureBase(names, parameters, { ...exampleRequest, ...changes }, target);
  assert.ok(!(base instanceof NodeError), String(base));
  return base;
}

function refusalOf(names: readonly string[], changes: Partial<CoverableHead> = {}): string {
  const base = signatureBase(names, '()', { ...exampleRequest, ...changes }, target);
  assert.ok(base instanceof NodeError, String(base));
  assert.equal(base.code, 'auth_malformed');
  return base.message;
}

const lineOf = (name: string, changes: Partial<CoverableHead> = {}): string =>
  baseOf([name], changes).split('\n')[0]!;

describe('the signature base', () => {
  for (const { section, input, base } of examples) {
    it(`is that of RFC 9421 ${section}`, () => {
      const list = parseDictionary(`sig=${input}`).get('sig') as InnerList;
      const names = list[0].map(([name]) => String(name));
      assert.equal(baseOf(names, {}, serializeInnerList(list)), base);
    });
  }

  it('of the published examples carries the published signatures', () => {
    const [, , hmac, ed25519] = examples;
    assert.equal(createHmac('sha256', sharedSecret).update(hmac!.base).digest('base64'), hmac!.signature);
    const key = createPublicKey({ key: ed25519PublicKey, format: 'jwk' });
    assert.ok(verify(null, Buffer.from(ed25519!.base), key, Buffer.from(ed25519!.signature!, 'base64')));
  });

  it('derives components as RFC 9421, section 2.2, shows them', () => {
    assert.equal(lineOf('@method'), '"@method": POST');
    assert.equal(lineOf('@scheme'), '"@scheme": https');
    assert.equal(lineOf('@target-uri'), '"@target-uri": https://example.com/foo?param=Value&Pet=dog');
    assert.equal(lineOf('@target-uri', { query: '' }), '"@target-uri": https://example.com/foo');
    assert.equal(lineOf('@request-target'), '"@request-target": /foo?param=Value&Pet=dog');
    assert.equal(lineOf('@query', { query: 'queryString' }), '"@query": ?queryString');
    assert.equal(lineOf('@query', { query: '' }), '"@query": ?');
    assert.equal(lineOf('@path', { path: '/a%2Fb//c/' }), '"@path": /a%2Fb//c/');
  });

  it('is refused where a component is not there, not once, or not known', () => {
    assert.match(refusalOf(['accept']), /"accept" is covered, but no such header/);
    assert.match(refusalOf(['Date']), /no such header/);
    assert.match(refusalOf(['date'], { repeatedHeaders: new Set(['date']) }), /more than once/);
    for (const name of ['@status', '@query-param', '@signature-params', '@', '@Method']) {
      assert.match(refusalOf(['@method', name]), /not supported/);
    }
    assert.ok(refusalOf([`@${'x'.repeat(3_000)}`]).length < 100);
  });

  it('never holds a byte that could begin a line or that is not ASCII', () => {
    for (const byte of ['\n', '\r', '\0', '\x7f', '\x80', 'é', '\u2028']) {
      assert.match(refusalOf(['date'], { headers: new Map([['date', `a${byte}b`]]) }), /cannot be covered/);
      assert.match(refusalOf(['@path'], { path: `/a${byte}b` }), /cannot be covered/);
      assert.match(refusalOf(['@query'], { query: `a${byte}b` }), /cannot be covered/);
    }
  });

  it('is the one that another implementation makes, for any request', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
    const segment = fc.stringMatching(/^[A-Za-z0-9._~%-]{0,8}$/).map((part) => part.replaceAll('%', '%25'));
    const names = ['@method', '@authority', '@path', '@query', '@target-uri', '@scheme', 'date', 'x-app'];
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'POST', 'DELETE'),
        fc.array(
          segment.filter((part) => !/^\.*$/.test(part)),
          { minLength: 1, maxLength: 3 },
        ),
        fc.stringMatching(/^[a-z0-9=&%]{1,20}$/),
        text.map((value) => value.trim().replaceAll(/[^\x20-\x7e]/g, '')),
        fc.shuffledSubarray(names, { minLength: 1 }),
        (method, segments, query, app, fields) => {
          const path = `/${segments.join('/')}`;
          const headers = new Map([
            ['date', 'today'],
            ['x-app', app],
          ]);
          const head = { method, path, query, headers, repeatedHeaders: undefined };
          const url = `https://example.com${path}?${query}`;
          const theirs = httpbis.formatSignatureBase(
            httpbis.createSignatureBase({ fields }, { method, url, headers: Object.fromEntries(headers) }),
          );
          const ours = signatureBase(fields, '()', head, target);
          assert.equal(ours, `${theirs}\n"@signature-params": ()`);
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });
});
