/**
 * Clients that misbehave below the level of a request: bytes that drip, connections left at any byte, bytes of other
 * protocols, bodies that strain a parser. What they see, what the metrics say, and that nothing of them is left.
 * Framing that servers read differently is in `framing.test.ts`, leaving streams in `proxyAborts.test.ts`, slow
 * readers in `streamingBackpressure.test.ts`.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import { chunkOf, openRaw, type RawConnection, requestHead } from '../support/rawConnection.js';
import { chatCompletion, chatFrame, doneFrame, json } from '../support/testBackend.js';
import { chatBody, chatPath, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

describe('clients that misbehave', () => {
  let stand: TestStand;
  before(async () => {
    stand = await startTestStand({
      config: { node: { threads: 2 } },
      handler: async ({ url }, response) => {
        if (!url.includes('stream')) return json(response, 200, chatCompletion('m', 'hello'));
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let i = 0; i < 5; i++) {
          response.write(chatFrame('m', 'x'));
          await new Promise((resolve) => setTimeout(resolve, 4));
        }
        response.end(doneFrame);
      },
    });
  });
  after(() => stand?.close());

  const open = (): Promise<RawConnection> => openRaw(stand.node.port);
  const metric = async (name: string, labels = {}) => (await stand.node.metric(name, labels)) ?? 0;
  const accepted = () => metric('fxn_auth_requests_total', { outcome: 'accepted' });
  const assertServes = async (): Promise<void> => {
    assert.equal((await sendSigned(stand.node.port, stand.gateway, { body: chatBody })).status, 200);
  };
  const assertIdle = async (): Promise<void> => {
    for (const name of ['fxn_http_in_flight_requests', 'fxn_upstream_in_flight_requests']) {
      await eventually(
        () => metric(name),
        (inFlight) => inFlight === 0,
      );
    }
    assert.equal(await metric('fxn_handler_faults_total'), 0);
    assert.equal(await metric('fxn_thread_restarts_total'), 0);
  };
  const head = async (body: string, framing: readonly [string, string], path = chatPath): Promise<string> =>
    requestHead('POST', path, [...Object.entries(await stand.gateway.sign(body)), framing]);
  const whole = async (path = chatPath): Promise<string> =>
    (await head(chatBody, ['content-length', String(chatBody.length)], path)) + chatBody;

  it('by dripping a head or a body are cut off, while one that only sends slowly is served', async () => {
    const long = JSON.stringify({ model: 'm', pad: 'x'.repeat(900_000) });
    const before = await accepted();
    const drip = async (first: string, piece: string | Uint8Array, everyMs: number): Promise<string> => {
      const raw = await open();
      raw.socket.setNoDelay(true);
      raw.send(first);
      const timer = setInterval(() => raw.send(piece), everyMs);
      const answer = await raw.untilClosed();
      clearInterval(timer);
      return answer;
    };
    const slowly = async (): Promise<number> => {
      const raw = await open();
      raw.send(await head(long, ['content-length', String(long.length)]));
      // Longer than the patience with those who drip.
      const pieces = 14;
      const size = Math.ceil(long.length / pieces);
      for (let at = 0; at < long.length; at += size) {
        raw.send(long.slice(at, at + size));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      const { status } = await raw.answer();
      raw.destroy();
      return status;
    };
    const length = (bytes: number) => ['content-length', String(bytes)] as const;
    const [status, ...dripped] = await Promise.all([
      slowly(),
      drip('', '', 60_000),
      drip(`POST ${chatPath} HTTP/1.1\r\nhost: node\r\nx-drip: `, 'x', 500),
      drip(`POST ${chatPath} HTTP/1.1\r\nhost: node\r\n`, 'x: y\r\n', 500),
      drip(await head(chatBody, length(5_000)), 'x', 500),
      drip(await head(chatBody, length(5_000_000)), 'x'.repeat(2_000), 500),
      drip(await head(chatBody, ['transfer-encoding', 'chunked']), chunkOf('x'), 500),
      drip(await head(chatBody, ['transfer-encoding', 'chunked']), '0', 3_000),
    ]);
    assert.equal(status, 200);
    assert.deepEqual(
      dripped.filter((answer) => / 2\d\d /.test(answer)),
      [],
    );
    assert.equal(await accepted(), before + 1, 'only the slow one was served');
    await assertServes();
    await assertIdle();
  });

  it('by leaving at any byte of a request or its answer leave nothing behind', async () => {
    await assertIdle();
    const fdsBefore = await metric('process_open_fds');
    const leave = async (): Promise<void> => {
      const bytes = await whole(randomInt(2) === 0 ? chatPath : `${chatPath}?stream`);
      const raw = await open();
      const sent = Math.min(bytes.length, randomInt(bytes.length + 200));
      if (sent > 0) raw.send(bytes.slice(0, sent));
      await new Promise((resolve) => setTimeout(resolve, randomInt(30)));
      const how = randomInt(3);
      if (how === 0) raw.socket.resetAndDestroy();
      else if (how === 1) raw.socket.destroy();
      // Half closed: this side reads on.
      else raw.socket.end();
      await raw.untilClosed();
    };
    const rounds = Math.max(8, propertyRuns(200));
    for (let round = 0; round < rounds; round++) await Promise.all(Array.from({ length: 20 }, leave));
    await assertServes();
    await assertIdle();
    await eventually(
      () => metric('process_open_fds'),
      (fds) => fds <= fdsBefore + 8,
    );
  });

  it('by closing their side at once get no answer, and are counted as having left', async () => {
    const labels = { endpoint: chatPath, status_code: '499' };
    const before = await metric('endpoint_responses_total', labels);
    const raw = await open();
    raw.socket.write(await whole(`${chatPath}?stream`));
    raw.socket.end();
    assert.doesNotMatch(await raw.untilClosed(), /\[DONE\]/);
    await assertIdle();
    assert.ok((await metric('endpoint_responses_total', labels)) <= before + 1);
  });

  it('by speaking something else than HTTP/1.1 to an origin are refused', async () => {
    const rest = 'host: node\r\n\r\n';
    const strange: Readonly<Record<string, string | Buffer>> = {
      'a tunnel': `CONNECT node:443 HTTP/1.1\r\n${rest}`,
      'a tunnel to somewhere': `CONNECT http://169.254.169.254/ HTTP/1.1\r\n${rest}`,
      'another authority as target': `GET http://169.254.169.254/latest HTTP/1.1\r\n${rest}`,
      'the asterisk form': `OPTIONS * HTTP/1.1\r\n${rest}`,
      'a target without slash': `GET v1/models HTTP/1.1\r\n${rest}`,
      'an empty target': `GET  HTTP/1.1\r\n${rest}`,
      'a target with spaces': `GET /v1/models /health HTTP/1.1\r\n${rest}`,
      'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'HTTP/0.9': 'GET /health\r\n',
      'HTTP/1.2': `GET /health HTTP/1.2\r\n${rest}`,
      TLS: Buffer.from('16030100c8010000c40303', 'hex'),
      'a line of SMTP': 'EHLO mail.example.com\r\n',
      'zero bytes': Buffer.alloc(4_096),
      'a PROXY header': `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /health HTTP/1.1\r\n${rest}`,
      'line breaks for ever': '\r\n'.repeat(20_000),
    };
    const served: string[] = [];
    await Promise.all(
      Object.entries(strange).map(async ([what, bytes]) => {
        const raw = await open();
        raw.send(bytes);
        // Those that the library answers keep their connection until it is idle.
        raw.socket.setTimeout(1_500, () => raw.destroy());
        if (/^HTTP\/1\.1 [23]/.test(await raw.untilClosed())) served.push(what);
      }),
    );
    assert.deepEqual(served, []);
    await assertServes();
    await assertIdle();
  });

  it('by sending noise, or a request with bytes knocked over, harm nobody', async () => {
    const before = await accepted();
    const noise = async (): Promise<void> => {
      const bytes = Buffer.from(await whole());
      if (randomInt(3) === 0) randomBytes(randomInt(1, 600)).copy(bytes, randomInt(bytes.length));
      else {
        // In front of the body: with the body changed the signature is wrong and that is all.
        for (let i = 0; i <= randomInt(4); i++)
          bytes[randomInt(bytes.length - chatBody.length)] = randomInt(256);
      }
      const raw = await open();
      raw.send(bytes);
      raw.socket.setTimeout(300, () => raw.destroy());
      const answer = await raw.untilClosed();
      assert.doesNotMatch(answer, /^HTTP\/1\.1 500/);
    };
    const rounds = Math.max(5, propertyRuns(100));
    for (let round = 0; round < rounds; round++) await Promise.all(Array.from({ length: 20 }, noise));
    await assertServes();
    await assertIdle();
    assert.ok((await accepted()) <= before + rounds * 20 + 1);
  });

  it('by hoarding idle connections keep nobody out, and lose them', async () => {
    const hoard = await Promise.all(Array.from({ length: 400 }, open));
    for (const raw of hoard.slice(200)) raw.send('GET /health HTTP/1.1\r\nhost: ');
    await Promise.all(Array.from({ length: 10 }, assertServes));
    // The node loses patience with all of them by itself.
    for (const raw of hoard) assert.equal(await raw.untilClosed(), '');
    await assertIdle();
  });

  it('by bodies that strain a parser get an answer of 4xx, or the backend gets them as they are', async () => {
    const bodies: Readonly<Record<string, string | Buffer>> = {
      'nested a million deep': `{"model":"m","x":${'['.repeat(1_000_000)}`,
      'nested and closed': `{"model":"m","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      'objects in objects': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
      'a megabyte of blanks': `${' '.repeat(1_000_000)}{"model":"m"}`,
      'a hundred thousand keys': `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(',')},"model":"m"}`,
      'a key of a megabyte': `{"${'k'.repeat(1_000_000)}":0,"model":"m"}`,
      'a number of a megabyte': `{"model":"m","n":${'9'.repeat(1_000_000)}}`,
      'backslashes at the end': `{"model":"m","s":"${'\\'.repeat(1_000_001)}`,
      'half a surrogate pair': '{"model":"m","s":"\\ud800"}',
      'bytes that are no UTF-8': Buffer.from(
        '7b226d6f64656c223a226d222c2273223a22ff fe22 7d'.replaceAll(' ', ''),
        'hex',
      ),
      'a byte order mark': '\ufeff{"model":"m"}',
      'NUL behind the object': '{"model":"m"}\0',
      'two objects': '{"model":"m"}{"model":"n"}',
    };
    for (const [what, body] of Object.entries(bodies)) {
      const served = stand.backend.requests.length;
      const { status } = await sendSigned(stand.node.port, stand.gateway, { body });
      assert.ok(status === 200 || (status >= 400 && status < 500), `${what}: ${status}`);
      if (status === 200) {
        assert.equal(stand.backend.requests.at(-1)?.body, Buffer.from(body as string).toString('utf8'), what);
      } else assert.equal(stand.backend.requests.length, served, what);
    }
    await assertIdle();
  });

  it('by expecting "100 Continue" before they send are told to go on, and served', async () => {
    const raw = await open();
    const expecting = await head(chatBody, ['content-length', String(chatBody.length)]);
    raw.send(expecting.replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n'));
    assert.equal((await raw.answer()).status, 100);
    raw.send(chatBody);
    assert.equal((await raw.answer()).status, 200);
    raw.destroy();
    await assertIdle();
  });

  it('by asking for another protocol are answered in this one', async () => {
    const raw = await open();
    const upgrade =
      'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    raw.send(`GET /health HTTP/1.1\r\nhost: node\r\n${upgrade}sec-websocket-version: 13\r\n\r\n`);
    assert.equal((await raw.answer()).status, 200);
    raw.destroy();
    await assertIdle();
  });
});
