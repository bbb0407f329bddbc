/**
 * Requests whose framing two servers could read differently, sent as raw bytes. Behind each of them stands a second,
 * well signed request in the same segment: it must never run. The last tests fix what the server's library does
 * by itself and the node cannot change.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  chunkOf,
  type HeaderPairs,
  lastChunk,
  openRaw,
  type RawConnection,
  requestHead,
} from '../support/rawConnection.js';
import { chatBody, chatPath, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

const length: HeaderPairs[number] = ['content-length', String(chatBody.length)];
const chunked: HeaderPairs[number] = ['transfer-encoding', 'chunked'];
const chunkedBody = `${chunkOf(chatBody)}${lastChunk}`;

/** Framing that the node itself refuses; `$` stands for the value that the request has already. */
const refusedHere: readonly (readonly [what: string, headers: HeaderPairs, body: string])[] = [
  ['Content-Length twice, the same', [length, length], chatBody],
  ['Content-Length twice, different', [length, ['content-length', '5']], chatBody],
  ['Content-Length twice in different letter case', [['Content-Length', '5'], length], chatBody],
  ['Host twice', [length, ['host', 'other']], chatBody],
  ['X-Address twice', [length, ['x-address', '$']], chatBody],
  ['X-Timestamp twice', [length, ['x-timestamp', '$']], chatBody],
  ['X-Nonce twice', [length, ['x-nonce', '$']], chatBody],
  ['X-Signature twice', [length, ['x-signature', '$']], chatBody],
  ['Authorization twice', [length, ['authorization', 'a'], ['authorization', 'b']], chatBody],
  ['Signature-Input twice', [length, ['signature-input', 'a'], ['signature-input', 'b']], chatBody],
  ['Signature twice', [length, ['signature', 'a'], ['signature', 'b']], chatBody],
  ['Content-Digest twice', [length, ['content-digest', 'a'], ['content-digest', 'b']], chatBody],
  ['Transfer-Encoding: gzip', [['transfer-encoding', 'gzip']], chunkedBody],
  ['Transfer-Encoding: identity', [['transfer-encoding', 'identity']], chunkedBody],
  ['Transfer-Encoding: chunked, chunked', [['transfer-encoding', 'chunked, chunked']], chunkedBody],
  ['Transfer-Encoding: gzip, chunked', [['transfer-encoding', 'gzip, chunked']], chunkedBody],
  ['Transfer-Encoding: xchunked', [['transfer-encoding', 'xchunked']], chunkedBody],
  ['Transfer-Encoding: chunked;a=b', [['transfer-encoding', 'chunked;a=b']], chunkedBody],
  ['an empty Transfer-Encoding', [['transfer-encoding', '']], chunkedBody],
  ['Transfer-Encoding twice', [chunked, chunked], chunkedBody],
  ['an empty Content-Length', [['content-length', '']], ''],
  ['a Content-Length above what numbers hold', [['content-length', '9007199254740993']], ''],
];

/** Framing that the library refuses before the node sees it. */
const refusedByLibrary: typeof refusedHere = [
  ['Content-Length before Transfer-Encoding', [length, chunked], chunkedBody],
  ['Transfer-Encoding before Content-Length', [chunked, length], chunkedBody],
  ['Content-Length: +3', [['content-length', '+3']], chatBody],
  ['Content-Length: -1', [['content-length', '-1']], chatBody],
  ['Content-Length: 3,3', [['content-length', '3,3']], chatBody],
  ['Content-Length: 0x3', [['content-length', '0x3']], chatBody],
  ['Content-Length: 3 3', [['content-length', '3 3']], chatBody],
  ['Content-Length: 1e2', [['content-length', '1e2']], chatBody],
  ['a Content-Length past 64 bits', [['content-length', '18446744073709551617']], chatBody],
  ['a chunk size that is no number', [chunked], `zz\r\n${chatBody}\r\n${lastChunk}`],
  ['a negative chunk size', [chunked], `-3\r\n${chatBody}\r\n${lastChunk}`],
  ['a chunk size in 0x notation', [chunked], `0x3\r\n${chatBody}\r\n${lastChunk}`],
  ['a chunk size past 64 bits', [chunked], `fffffffffffffffff\r\n${chatBody}\r\n${lastChunk}`],
];

describe('hostile framing', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1, maxBodyBytes: '64kb' } } });
  });
  after(() => stand?.close());

  const signed = async (headers: HeaderPairs, body: string): Promise<string> => {
    const own = await stand.gateway.sign(chatBody);
    const filled = headers.map(([name, value]) => [name, value === '$' ? (own[name] ?? '') : value] as const);
    return requestHead('POST', chatPath, [...Object.entries(own), ...filled]) + body;
  };
  const sound = (): Promise<string> => signed([length], chatBody);

  /** Requests that passed authentication so far; 0 before the first. */
  const accepted = async (): Promise<number> =>
    (await stand.node.metric('fxn_auth_requests_total', { outcome: 'accepted' })) ?? 0;

  /** Runs `attempt` and proves that it executed nothing, with a good request behind it to wait for. */
  const executesNothing = async (attempt: () => Promise<void>): Promise<void> => {
    const acceptedBefore = await accepted();
    const servedBefore = stand.backend.requests.length;
    await attempt();
    assert.equal((await sendSigned(stand.node.port, stand.gateway, { body: chatBody })).status, 200);
    assert.equal(stand.backend.requests.length, servedBefore + 1);
    assert.equal(await accepted(), acceptedBefore + 1);
  };

  const withRaw = async (use: (raw: RawConnection) => Promise<void>): Promise<void> => {
    const raw = await openRaw(stand.node.port);
    try {
      await use(raw);
    } finally {
      raw.destroy();
    }
  };

  for (const [what, headers, body] of [...refusedHere, ...refusedByLibrary]) {
    it(`refuses ${what}, closes, and runs nothing that is smuggled behind it`, () =>
      executesNothing(async () => {
        const smuggled = await sound();
        await withRaw(async (raw) => {
          raw.send((await signed(headers, body)) + smuggled);
          const text = await raw.untilClosed();
          assert.doesNotMatch(text, /HTTP\/1\.1 2/);
        });
      }));
  }

  for (const [what, headers] of refusedHere) {
    it(`answers ${what} with 400 and closes`, () =>
      executesNothing(() =>
        withRaw(async (raw) => {
          raw.send(await signed(headers, ''));
          const answer = await raw.answer();
          assert.equal(answer.status, 400);
          assert.equal(answer.code, 'invalid_request');
          assert.equal(answer.headers.get('connection'), 'close');
          assert.equal(await raw.untilClosed(), '');
        }),
      ));
  }

  it('does not refuse the neighbours of a hostile connection from the same address', async () => {
    const hostile = await Promise.all(
      Array.from({ length: 40 }, async () => ({
        raw: await openRaw(stand.node.port),
        bytes: await signed([length, ['x-nonce', 'again']], chatBody),
      })),
    );
    const honest = await Promise.all(
      Array.from({ length: 40 }, async () => ({ raw: await openRaw(stand.node.port), bytes: await sound() })),
    );
    for (const [i, { raw, bytes }] of hostile.entries()) {
      raw.send(bytes);
      honest[i]!.raw.send(honest[i]!.bytes);
    }
    const answers = await Promise.all(honest.map(({ raw }) => raw.answer()));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    for (const { raw } of [...hostile, ...honest]) raw.destroy();
  });

  it('reads Transfer-Encoding: Chunked without letter case', () =>
    withRaw(async (raw) => {
      raw.send(await signed([['transfer-encoding', 'Chunked']], chunkedBody));
      assert.equal((await raw.answer()).status, 200);
    }));

  it('serves a request whose bytes behind the request line trickle in one by one', () =>
    withRaw(async (raw) => {
      raw.socket.setNoDelay(true);
      const bytes = await sound();
      const lineEnd = bytes.indexOf('\r\n') + 2;
      raw.send(bytes.slice(0, lineEnd));
      for (const byte of bytes.slice(lineEnd)) {
        raw.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await raw.answer()).status, 200);
    }));

  it('serves requests one after the other on one connection', () =>
    withRaw(async (raw) => {
      for (let i = 0; i < 5; i++) {
        raw.send(await sound());
        assert.equal((await raw.answer()).status, 200);
      }
    }));

  it('accepts 15 KB of headers and refuses 20 KB', async () => {
    const large = (kb: number): HeaderPairs[number] => ['x-large', 'a'.repeat(kb * 1_024)];
    await withRaw(async (raw) => {
      raw.send(await signed([length, large(15)], chatBody));
      assert.equal((await raw.answer()).status, 200);
    });
    await executesNothing(() =>
      withRaw(async (raw) => {
        raw.send(await signed([length, large(20)], chatBody));
        assert.match(await raw.untilClosed(), /^HTTP\/1\.1 431 /);
      }),
    );
  });

  it('refuses more than a hundred headers', () =>
    executesNothing(() =>
      withRaw(async (raw) => {
        const many = Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1'] as const);
        raw.send(await signed([length, ...many], chatBody));
        assert.match(await raw.untilClosed(), /^HTTP\/1\.1 431 /);
      }),
    ));

  it('never runs a damaged request, nor what follows it', () =>
    executesNothing(async () => {
      const text = await sound();
      const smuggled = await sound();
      const damaged: Readonly<Record<string, string>> = {
        'bare LF everywhere': text.replaceAll('\r\n', '\n'),
        'bare CR everywhere': text.replaceAll('\r\n', '\r'),
        'bare LF before a header': text.replace('\r\nx-nonce', '\nx-nonce'),
        'a folded header': await signed([['x-fold', '1\r\n 2'], length], chatBody),
        'a header folded with a tab': await signed([['x-fold', '1\r\n\t2'], length], chatBody),
        'NUL in a value': await signed([['x-nul', '1\x002'], length], chatBody),
        'NUL in a name': await signed([['x\x00nul', '1'], length], chatBody),
        'NUL before the nonce': text.replace('x-nonce: ', 'x-nonce: \x00'),
        'a space before the colon': await signed([['content-length ', length[1]]], chatBody),
        'a header without colon': text.replace('x-nonce', 'x-other\r\nx-nonce'),
        'HTTP/1.0': text.replace('HTTP/1.1', 'HTTP/1.0'),
        'no Host': text.replace('host: node\r\n', ''),
        'an absolute request target': text.replace('POST /', 'POST http://node/'),
        'a chunk extension, which the library reads as digits of the size': await signed(
          [chunked],
          chunkedBody.replace('\r\n', ';a=b\r\n'),
        ),
        'a tab in the request line': text.replace('POST /', 'POST\t/'),
      };
      const unclosed: string[] = [];
      await Promise.all(
        Object.entries(damaged).map(([what, bytes]) =>
          withRaw(async (raw) => {
            raw.send(bytes + smuggled);
            const answer = await raw.untilClosed();
            if (/HTTP\/1\.1 2/.test(answer)) unclosed.push(what);
          }),
        ),
      );
      assert.deepEqual(unclosed, []);
    }));

  describe('what the library does by itself', () => {
    const limits: readonly (readonly [behaviour: string, bytes: () => Promise<string>, answer: RegExp])[] = [
      [
        'closes without an answer on pipelined requests, because the first is still being answered',
        async () => (await sound()) + (await sound()),
        /^$/,
      ],
      [
        'refuses a chunked body with trailers',
        () => signed([chunked], `${chunkOf(chatBody)}0\r\nx-trailer: 1\r\n\r\n`),
        /^HTTP\/1\.1 505 /,
      ],
    ];
    for (const [behaviour, bytes, answer] of limits) {
      it(behaviour, () =>
        withRaw(async (raw) => {
          raw.send(await bytes());
          assert.match(await raw.untilClosed(), answer);
        }),
      );
    }

    for (const cut of ['POST ', `POST ${chatPath} HTT`]) {
      it(`refuses a request whose first segment is ${JSON.stringify(cut)}`, () =>
        executesNothing(() =>
          withRaw(async (raw) => {
            raw.socket.setNoDelay(true);
            const bytes = await sound();
            assert.ok(bytes.startsWith(cut));
            raw.send(cut);
            assert.match(await raw.untilClosed(), /^HTTP\/1\.1 505 /);
          }),
        ));
    }
  });

  it('leaves no request open and no fault in the log', async () => {
    assert.equal(await stand.node.metric('fxn_http_in_flight_requests'), 0);
    assert.equal(await stand.node.metric('fxn_handler_faults_total'), 0);
  });
});
