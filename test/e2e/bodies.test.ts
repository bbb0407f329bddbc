/** Request bodies: at the limit and over it, whole and in pieces, left half way, and what the backend gets of them. */
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import { chunkOf, lastChunk, openRaw, type RawConnection, requestHead } from '../support/rawConnection.js';
import {
  chatBody,
  chatPath,
  modelsPath,
  send,
  sendSigned,
  standModel,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const limitBytes = 256 * 1_024;
const mib = 1_024 * 1_024;

/** A chat completion of exactly that many bytes. */
function bodyOf(bytes: number): string {
  const empty = JSON.stringify({ model: standModel, messages: [], pad: '' });
  return empty.replace('"pad":""', `"pad":"${'x'.repeat(bytes - empty.length)}"`);
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

describe('request bodies', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1, maxBodyBytes: `${limitBytes}b` } } });
  });
  after(() => stand?.close());

  const port = (): number => stand.node.port;
  const inFlight = (): Promise<number | undefined> => stand.node.metric('fxn_http_in_flight_requests');
  const untilInFlight = (wanted: number): Promise<unknown> =>
    eventually(inFlight, (count) => count === wanted);
  const untilIdle = (): Promise<unknown> => untilInFlight(0);
  /** The head of a signed chat completion; how the body is framed is for the caller to say. */
  const signedHead = async (body: string, framing: readonly [string, string]): Promise<string> =>
    requestHead('POST', chatPath, [...Object.entries(await stand.gateway.sign(body)), framing]);
  const length = (bytes: number) => ['content-length', String(bytes)] as const;
  const chunked = ['transfer-encoding', 'chunked'] as const;
  const withRaw = async (use: (raw: RawConnection) => Promise<void>): Promise<void> => {
    const raw = await openRaw(port());
    try {
      await use(raw);
    } finally {
      raw.destroy();
    }
  };
  /** `fetch` with a body whose length it does not know. */
  const fetchStream = async (signedBody: string, pieces: Iterable<Uint8Array>): Promise<Response> =>
    fetch(`${stand.node.url}${chatPath}`, {
      method: 'POST',
      headers: await stand.gateway.sign(signedBody),
      body: ReadableStream.from(pieces) as unknown as ReadableStream,
      duplex: 'half',
    } as RequestInit);

  it('passes a body of exactly the limit, announced and chunked', async () => {
    const body = bodyOf(limitBytes);
    assert.equal((await sendSigned(port(), stand.gateway, { body })).status, 200);
    assert.equal((await fetchStream(body, [Buffer.from(body)])).status, 200);
    assert.equal(stand.backend.requests.at(-1)?.body, body);
  });

  it('refuses a body one byte over the limit, announced and chunked', async () => {
    const body = bodyOf(limitBytes + 1);
    const served = stand.backend.requests.length;
    const announced = await sendSigned(port(), stand.gateway, { body });
    assert.deepEqual([announced.status, announced.code], [413, 'body_too_large']);
    const streamed = await fetchStream(body, [Buffer.from(body)]);
    assert.equal(streamed.status, 413);
    assert.equal(((await streamed.json()) as { error: { code: string } }).error.code, 'body_too_large');
    assert.equal(stand.backend.requests.length, served);
  });

  it('answers an announced body over the limit before it comes, and goes on with the connection after it', () =>
    withRaw(async (raw) => {
      const body = bodyOf(2 * limitBytes);
      raw.send(await signedHead(body, length(body.length)));
      assert.equal((await raw.answer()).status, 413);
      raw.send(body);
      raw.send((await signedHead(chatBody, length(chatBody.length))) + chatBody);
      assert.equal((await raw.answer()).status, 200);
    }));

  it('closes the connection when the announced body is far over the limit', () =>
    withRaw(async (raw) => {
      raw.send(await signedHead('', length(100 * limitBytes)));
      const answer = await raw.answer();
      assert.deepEqual([answer.status, answer.code], [413, 'body_too_large']);
      assert.equal(answer.headers.get('connection'), 'close');
      assert.equal(await raw.untilClosed(), '');
    }));

  it('tells a client that streams half as much again as allowed, and goes on with its connection', () =>
    withRaw(async (raw) => {
      raw.send(await signedHead('', chunked));
      for (let sent = 0; sent < 1.5 * limitBytes; sent += 8_192) raw.send(chunkOf(Buffer.alloc(8_192, 'x')));
      raw.send(lastChunk);
      const answer = await raw.answer();
      assert.deepEqual([answer.status, answer.code], [413, 'body_too_large']);
      raw.send((await signedHead(chatBody, length(chatBody.length))) + chatBody);
      assert.equal((await raw.answer()).status, 200);
    }));

  it('tells a real client that streams nearly twice as much as allowed', async () => {
    const pieces = Array.from({ length: 29 }, () => Buffer.alloc(limitBytes / 16, 'x'));
    const answer = await fetchStream('', pieces);
    assert.equal(answer.status, 413);
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'body_too_large');
  });

  it('tells a client that pauses past the limit, and closes', () =>
    withRaw(async (raw) => {
      raw.send(await signedHead('', chunked));
      raw.send(chunkOf(Buffer.alloc(limitBytes + 1, 'x')));
      const answer = await raw.answer();
      assert.deepEqual([answer.status, answer.code], [413, 'body_too_large']);
      assert.equal(await raw.untilClosed(), '');
    }));

  it('keeps no more than the limit of a body that never ends', async () => {
    const resident = async (): Promise<number> =>
      (await stand.node.metric('process_resident_memory_bytes')) ?? Number.NaN;
    const residentBefore = await resident();
    const piece = chunkOf(Buffer.alloc(64 * 1_024, 'x'));
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withRaw(async (raw) => {
          raw.send(await signedHead('', chunked));
          const closed = raw.untilClosed();
          for (let sent = 0; sent < 32 * mib && !raw.socket.destroyed; sent += piece.length) {
            if (raw.socket.write(piece)) continue;
            await Promise.race([new Promise((resolve) => raw.socket.once('drain', resolve)), closed]);
          }
          await closed;
        }),
      ),
    );
    const grownBytes = (await resident()) - residentBefore;
    assert.ok(grownBytes < 64 * mib, `${grownBytes} bytes more after 8 endless bodies`);
    await untilIdle();
  });

  it('hashes a body alike however it is cut into chunks and segments', async () => {
    const text = `{"model":"${standModel}","messages":[],"pad":"héllo 世界 🚀 ${randomBytes(2_000).toString('hex')}"}`;
    const body = Buffer.from(text);
    for (let run = 0; run < propertyRuns(100); run++) {
      await withRaw(async (raw) => {
        raw.socket.setNoDelay(true);
        raw.send(await signedHead(text, chunked));
        for (let at = 0; at < body.length; ) {
          const end = Math.min(body.length, at + randomInt(1, 700));
          const chunk = chunkOf(body.subarray(at, end));
          const cut = randomInt(0, chunk.length);
          raw.send(chunk.subarray(0, cut));
          await new Promise((resolve) => setImmediate(resolve));
          raw.send(chunk.subarray(cut));
          at = end;
        }
        raw.send(lastChunk);
        assert.equal((await raw.answer()).status, 200);
      });
      assert.equal(stand.backend.requests.at(-1)?.body, text);
    }
  });

  it('sends no chunked body on as chunked: the backend is told the length', async () => {
    await fetchStream(chatBody, [Buffer.from(chatBody.slice(0, 7)), Buffer.from(chatBody.slice(7))]);
    const { headers, body } = stand.backend.requests.at(-1)!;
    assert.equal(body, chatBody);
    assert.equal(headers['content-length'], String(chatBody.length));
    assert.equal(headers['transfer-encoding'], undefined);
  });

  it('refuses an empty body where one is needed', async () => {
    const answer = await sendSigned(port(), stand.gateway, { method: 'POST', path: chatPath });
    assert.deepEqual([answer.status, answer.code], [400, 'invalid_json']);
  });

  it('forgets a request whose client leaves in the middle of the body, and leaves its nonce free', async () => {
    const signed = await stand.gateway.sign(chatBody);
    const clients = await Promise.all(Array.from({ length: 20 }, () => openRaw(port())));
    for (const [i, raw] of clients.entries()) {
      const framing = i % 2 === 0 ? length(chatBody.length) : chunked;
      raw.send(requestHead('POST', chatPath, [...Object.entries(signed), framing]));
      raw.send(i % 2 === 0 ? chatBody.slice(0, 5) : chunkOf(chatBody.slice(0, 5)));
    }
    await untilInFlight(clients.length);
    for (const raw of clients) raw.socket.resetAndDestroy();
    await untilIdle();
    const left = await stand.node.metric('endpoint_responses_total', {
      endpoint: chatPath,
      status_code: '499',
    });
    assert.equal(left, clients.length);
    assert.equal((await send(port(), { body: chatBody, headers: signed })).status, 200);
  });

  it('ignores a body that comes with GET, apart from its signature', async () => {
    const options = { method: 'GET', path: modelsPath, body: '{"ignored":true}' };
    assert.equal((await sendSigned(port(), stand.gateway, options)).status, 200);
    const headers = await stand.gateway.sign('');
    assert.equal((await send(port(), { ...options, headers })).code, 'auth_bad_signature');
  });
});

describe('a body of 10 MB', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 } } });
  });
  after(() => stand?.close());

  it('arrives at the backend byte by byte as it was signed', async () => {
    const shell = JSON.stringify({ model: standModel, messages: [], pad: '' });
    const unit = 'é世🚀';
    const room = 10 * mib - shell.length;
    const units = Math.floor(room / Buffer.byteLength(unit));
    const pad = unit.repeat(units).padEnd(unit.length * units + (room % Buffer.byteLength(unit)), 'x');
    const whole = shell.replace('"pad":""', `"pad":"${pad}"`);
    assert.equal(Buffer.byteLength(whole), 10 * mib);
    const answer = await sendSigned(stand.node.port, stand.gateway, { body: whole });
    assert.equal(answer.status, 200, answer.body);
    const received = stand.backend.requests.at(-1)!;
    assert.equal(received.headers['content-length'], String(10 * mib));
    assert.equal(sha256(received.body), sha256(whole));
  });
});
