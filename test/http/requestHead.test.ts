import type { HttpRequest } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RequestHead, readHead } from '#src/http/requestHead.js';
import { propertyRuns } from '#test/runs.js';

type Headers = readonly (readonly [name: string, value: string])[];

/** A request as uWS hands it over: header names in lower case, repeated ones one after the other. */
function head(headers: Headers, { method = 'POST', url = '/v1/models', query = '' } = {}): RequestHead {
  const request: Pick<HttpRequest, 'forEach' | 'getCaseSensitiveMethod' | 'getUrl' | 'getQuery'> = {
    forEach: (listener) => {
      for (const [name, value] of headers) listener(name, value);
    },
    getCaseSensitiveMethod: () => method,
    getUrl: () => url,
    getQuery: (() => query) as HttpRequest['getQuery'],
  };
  return readHead(request as HttpRequest);
}

const host = ['host', 'node.example'] as const;

describe('the head of a request', () => {
  it('is read as it came', () => {
    const read = head([host, ['x-request-id', 'r-1']], {
      method: 'GET',
      url: '/v1/models/a%2Fb',
      query: 'x=1&x=2',
    });
    assert.equal(read.method, 'GET');
    assert.equal(read.path, '/v1/models/a%2Fb');
    assert.equal(read.query, 'x=1&x=2');
    assert.equal(read.headers.get('x-request-id'), 'r-1');
    assert.deepEqual([read.hasBody, read.contentLength, read.framingFault], [false, undefined, undefined]);
  });

  it('a body is announced by a length over 0 or by chunks', () => {
    const announced = (headers: Headers) => {
      const { hasBody, contentLength, framingFault } = head([host, ...headers]);
      return { hasBody, contentLength, framingFault };
    };
    const sound = { framingFault: undefined };
    assert.deepEqual(announced([['content-length', '0']]), { hasBody: false, contentLength: 0, ...sound });
    assert.deepEqual(announced([['content-length', '12']]), { hasBody: true, contentLength: 12, ...sound });
    assert.deepEqual(announced([['transfer-encoding', 'Chunked']]), {
      hasBody: true,
      contentLength: undefined,
      ...sound,
    });
  });

  for (const headers of [
    [
      ['content-length', '3'],
      ['content-length', '3'],
    ],
    [
      ['content-length', '3'],
      ['content-length', '4'],
    ],
    [
      ['host', 'a'],
      ['host', 'a'],
    ],
    [
      ['transfer-encoding', 'chunked'],
      ['transfer-encoding', 'chunked'],
    ],
    [['transfer-encoding', 'gzip']],
    [['transfer-encoding', 'gzip, chunked']],
    [['transfer-encoding', 'chunked, chunked']],
    [['transfer-encoding', 'identity']],
    [['transfer-encoding', '']],
    [['transfer-encoding', 'xchunked']],
    [
      ['content-length', '3'],
      ['transfer-encoding', 'chunked'],
    ],
    [
      ['content-length', '0'],
      ['transfer-encoding', 'chunked'],
    ],
    [['content-length', '']],
    [['content-length', '+3']],
    [['content-length', '-3']],
    [['content-length', '3.0']],
    [['content-length', '0x3']],
    [['content-length', '3, 3']],
    [['content-length', '9'.repeat(16)]],
    ...[
      'x-address',
      'x-nonce',
      'x-signature',
      'x-timestamp',
      'authorization',
      'signature',
      'signature-input',
    ].map((name): [string, string][] => [
      [name, 'a'],
      [name, 'a'],
    ]),
  ] satisfies [string, string][][]) {
    it(`refuses ${headers.map(([name, value]) => `${name}: ${value}`).join(', ')}`, () => {
      const read = head(headers as Headers);
      assert.equal(typeof read.framingFault, 'string');
      assert.equal(read.contentLength, undefined);
    });
  }

  it('the place between other headers does not hide a repetition', () => {
    const others = fc.array(fc.tuple(fc.stringMatching(/^x-[a-m]{1,3}$/), fc.constant('v')), {
      maxLength: 4,
    });
    const once = fc.constantFrom('content-length', 'host', 'x-nonce', 'signature');
    fc.assert(
      fc.property(others, others, others, once, (before, between, behind, name) => {
        const repeated: [string, string] = [name, '1'];
        const fault = head([...before, repeated, ...between, repeated, ...behind]).framingFault;
        assert.notEqual(fault, undefined);
        assert.equal(head([...before, repeated, ...between, ...behind]).framingFault, undefined);
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('of a harmless header that repeats the first value counts', () => {
    const read = head([host, ['accept', 'a'], ['accept', 'b']]);
    assert.equal(read.headers.get('accept'), 'a');
    assert.equal(read.framingFault, undefined);
  });
});
