/**
 * Session keys at the real node: made by an account's signature on one front, good on every front, gone with
 * their time, their caller or too many of them. The node's answer is checked as a caller would check it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { x25519 } from '@noble/curves/ed25519.js';
import { eventually } from '../support/bypassNode.js';
import { type Caller, createCaller } from '../support/caller.js';
import { createNodeClock } from '../support/nodeClock.js';
import { requestHead, sendAtOnce } from '../support/rawConnection.js';
import {
  acceptSession,
  base64,
  createSessionKeys,
  makeSession,
  type OfferedSession,
  requestSession,
  type SessionClient,
  sessionClient,
  sessionPath,
} from '../support/sessionClient.js';
import { type MessageOptions, type MessageRequest, nowS } from '../support/signedMessage.js';
import {
  type Answer,
  chatBody,
  chatPath,
  modelsPath,
  type SendOptions,
  send,
  startTestStand,
  type TestStand,
  untilStatus,
} from '../support/testStand.js';

const fronts = 4;
const copies = 50;
const schemes = ['legacy', 'rfc9421', 'session'];

const nodeAddress = (stand: TestStand): string =>
  String(stand.node.log.find(({ msg }) => msg === 'node key')?.['address']);

type Attempt = Partial<MessageRequest> & { options?: MessageOptions; sent?: SendOptions };

/** Asks for the model list unless told, signed by the session. */
async function askBy(port: number, session: SessionClient, attempt: Attempt = {}): Promise<Answer> {
  const { options = {}, sent = {}, ...request } = attempt;
  const { body = '', target = modelsPath } = request;
  const headers = await session.sign({ authority: `127.0.0.1:${port}`, target, ...request }, options);
  const method = request.method ?? (body.length > 0 ? 'POST' : 'GET');
  return send(port, { method, path: target, body, ...sent, headers: { ...headers, ...sent.headers } });
}

describe('a session', () => {
  const other = createCaller();
  let stand: TestStand;
  let port = 0;
  let node = '';

  before(async () => {
    stand = await startTestStand({
      gateways: [other],
      config: {
        node: { threads: fronts },
        auth: { schemes },
        logger: { verbosity: 'debug' },
        registry: { gateway: { pollInterval: '200ms' } },
      },
    });
    port = stand.node.port;
    node = nodeAddress(stand);
  });
  after(() => stand?.close());

  const open = (caller: Caller = stand.gateway): Promise<SessionClient> => makeSession(port, caller, node);
  const codeBy = async (session: SessionClient, attempt?: Attempt): Promise<string | number> => {
    const answer = await askBy(port, session, attempt);
    return answer.code ?? answer.status;
  };

  it('made on one front signs requests on all of them', async () => {
    const session = await open();
    const seen = (): Set<unknown> =>
      new Set(stand.node.log.filter(({ msg }) => msg === 'request').map(({ thread }) => thread));
    await eventually(
      async () => {
        assert.equal((await askBy(port, session)).status, 200);
        return seen().size;
      },
      (threads) => threads === fronts,
    );
    assert.equal(await codeBy(session, { target: chatPath, body: chatBody }), 200);
    assert.equal(await codeBy(session, { target: `${modelsPath}?a=1` }), 200);
  });

  it('signs for its caller: the scheduler at /challenge too, a gateway not there', async () => {
    const request = { target: '/challenge', body: JSON.stringify({ type: 'NONE', payload: {} }) };
    assert.equal(await codeBy(await open(stand.scheduler), request), 'unknown_type');
    assert.equal(await codeBy(await open(), request), 'auth_unknown_caller');
  });

  it('comes with an end, an id and a public key that were never seen before', async () => {
    const keys = createSessionKeys();
    const offers = await Promise.all(
      [1, 2].map(async () => {
        const answer = await requestSession(port, stand.gateway, base64(keys.publicKey));
        return JSON.parse(answer.body) as OfferedSession;
      }),
    );
    for (const offer of offers) {
      assert.match(offer.sessionId, /^[0-9a-f]{32}$/);
      assert.ok(Math.abs(offer.expiresAt - nowS() - 600) <= 60);
      assert.match(offer.signature, /^0x[0-9a-f]{128}(?:1b|1c)$/);
    }
    assert.notEqual(offers[0]!.sessionId, offers[1]!.sessionId);
    assert.notEqual(offers[0]!.publicKey, offers[1]!.publicKey);
  });

  it('with somebody in the middle is noticed by the caller', async () => {
    const keys = createSessionKeys();
    const attacker = createSessionKeys();
    // Who holds the line can ask with the caller's request only, which covers the key in its body.
    const body = JSON.stringify({ publicKey: base64(keys.publicKey) });
    const request = { authority: `127.0.0.1:${port}`, target: sessionPath, body };
    const swapped = body.replace(base64(keys.publicKey), base64(attacker.publicKey));
    const refused = await send(port, {
      path: sessionPath,
      body: swapped,
      headers: await stand.gateway.signMessage(request),
    });
    assert.equal(refused.code, 'auth_bad_signature');

    const answer = await requestSession(port, stand.gateway, base64(keys.publicKey));
    const offer = JSON.parse(answer.body) as OfferedSession;
    const as = { caller: stand.gateway, keys, node };
    for (const change of [
      { publicKey: base64(attacker.publicKey) },
      { expiresAt: offer.expiresAt + 1 },
      { sessionId: '0'.repeat(32) },
    ]) {
      await assert.rejects(acceptSession({ ...offer, ...change }, as), /did not sign/);
    }
    await assert.rejects(acceptSession(offer, { ...as, caller: other }), /did not sign/);
    await assert.rejects(acceptSession(offer, { ...as, keys: attacker }), /did not sign/);
    await assert.rejects(acceptSession(offer, { ...as, node: other.address }), /did not sign/);
    const session = await acceptSession(offer, as);
    assert.equal(await codeBy(session), 200);
  });

  it('is made only by a request that an account signed for this node', async () => {
    const body = JSON.stringify({ publicKey: base64(createSessionKeys().publicKey) });
    const byLegacy = await send(port, { path: sessionPath, body, headers: await stand.gateway.sign(body) });
    assert.deepEqual([byLegacy.status, byLegacy.code], [401, 'auth_missing']);
    assert.match(byLegacy.body, /rfc9421/);
    const bySession = await askBy(port, await open(), { target: sessionPath, body });
    assert.deepEqual([bySession.status, bySession.code], [401, 'auth_missing']);
    assert.equal((await send(port, { path: sessionPath, body })).code, 'auth_missing');
    const stranger = await requestSession(port, createCaller(), base64(createSessionKeys().publicKey));
    assert.equal(stranger.code, 'auth_unknown_caller');
    const get = await stand.gateway.signMessage({ authority: `127.0.0.1:${port}`, target: sessionPath });
    assert.equal((await send(port, { path: sessionPath, headers: get })).status, 405);
  });

  const good = base64(createSessionKeys().publicKey);
  const low = new Uint8Array(32);
  const one = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));
  const ofOrder8 = Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex');
  const badKeys: Readonly<Record<string, readonly [code: string, publicKey: unknown]>> = {
    'of zeros': ['invalid_request', base64(low)],
    'of order 1': ['invalid_request', base64(one)],
    'of order 8': ['invalid_request', base64(ofOrder8)],
    'of 31 bytes': ['invalid_request', base64(new Uint8Array(31).fill(9))],
    'of 33 bytes': ['invalid_request', base64(new Uint8Array(33).fill(9))],
    'in base64url': ['invalid_request', base64(new Uint8Array(32).fill(255)).replaceAll('/', '_')],
    'without its padding': ['invalid_request', good.slice(0, -1)],
    'with bits behind its end': ['invalid_request', base64(new Uint8Array(32)).replace(/A=$/, 'B=')],
    'that is a number': ['invalid_request', 5],
    'that is missing': ['invalid_request', undefined],
  };
  for (const [what, [code, publicKey]] of Object.entries(badKeys)) {
    it(`is not made with a public key ${what}`, async () => {
      const body = JSON.stringify({ publicKey });
      const request = { authority: `127.0.0.1:${port}`, target: sessionPath, body };
      const answer = await send(port, {
        path: sessionPath,
        body,
        headers: await stand.gateway.signMessage(request),
      });
      assert.deepEqual([answer.status, answer.code], [400, code]);
    });
  }
  it('is not made with a body that is no JSON object', async () => {
    for (const body of ['', 'null', '"x"', '{"publicKey"', `{"publicKey":"${'A'.repeat(5_000)}"}`]) {
      const request = { method: 'POST', authority: `127.0.0.1:${port}`, target: sessionPath, body };
      const headers = await stand.gateway.signMessage(request);
      assert.equal(
        (await send(port, { method: 'POST', path: sessionPath, body, headers })).status,
        400,
        body,
      );
    }
  });

  it('that is not known here is refused', async () => {
    const { key } = await open();
    assert.equal(await codeBy(sessionClient('0'.repeat(32), key)), 'auth_unknown_caller');
    assert.equal(await codeBy(sessionClient('x', key)), 'auth_malformed');
  });

  it('is refused with another key, also that of another session or another caller', async () => {
    const session = await open();
    for (const { key } of [await open(), await open(other), { key: x25519.utils.randomSecretKey() }]) {
      assert.equal(await codeBy(sessionClient(session.id, key)), 'auth_bad_signature');
    }
    assert.equal(await codeBy(session), 200);
  });

  it('signs one request only, and that once', async () => {
    const session = await open();
    const body = chatBody;
    const tampered: readonly (readonly [code: string, attempt: Attempt])[] = [
      ['auth_bad_signature', { sent: { method: 'POST' } }],
      ['auth_bad_signature', { sent: { path: `${modelsPath}/m` } }],
      ['auth_malformed', { sent: { path: `${modelsPath}?a` } }],
      ['auth_bad_signature', { target: chatPath, body, sent: { body: `${body} ` } }],
      ['auth_malformed', { sent: { headers: { host: 'elsewhere' } } }],
      ['auth_bad_signature', { authority: 'elsewhere', sent: { headers: { host: `127.0.0.1:${port}` } } }],
      ['auth_malformed', { options: { alg: 'eip191-secp256k1' } }],
      ['auth_malformed', { options: { components: ['@method', '@path'] } }],
      ['auth_expired', { options: { created: nowS() - 62, expires: nowS() + 10 } }],
      ['auth_expired', { options: { created: nowS() - 10, expires: nowS() } }],
    ];
    for (const [code, attempt] of tampered) {
      assert.equal(await codeBy(session, attempt), code, JSON.stringify(attempt));
    }
    const { host, ...headers } = await session.sign({ authority: `127.0.0.1:${port}`, target: modelsPath });
    const head = requestHead('GET', modelsPath, Object.entries(headers)).replace(
      'host: node',
      `host: ${host}`,
    );
    const answers = await sendAtOnce(port, head, copies);
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ code }) => code === 'auth_replayed').length, copies - 1);
  });

  it('shares its nonces with everything else that its caller signs', async () => {
    const [first, second] = [await open(), await open()];
    assert.equal(await codeBy(first, { options: { nonce: 'the-same' } }), 200);
    assert.equal(await codeBy(second, { options: { nonce: 'the-same' } }), 'auth_replayed');
    const headers = await stand.gateway.sign('', { nonce: 'the-same' });
    assert.equal((await send(port, { headers })).code, 'auth_replayed');
  });

  it('gives way when its caller makes one more than it may hold, whichever fronts made them', async () => {
    const caller = other;
    const first = await open(caller);
    const rest: SessionClient[] = [];
    for (let i = 0; i < 15; i++) rest.push(await open(caller));
    const bystander = await open();
    assert.equal(await codeBy(first), 200);
    const seventeenth = await open(caller);
    assert.equal(await codeBy(first), 'auth_unknown_caller');
    for (const session of [...rest, seventeenth, bystander]) assert.equal(await codeBy(session), 200);
  });

  it('ends with its caller’s place in the registry', async () => {
    const caller = createCaller();
    const id = await stand.network.gateways.register(caller.address);
    const session = await eventually(
      () => open(caller).catch(() => undefined),
      (made) => made !== undefined,
    );
    assert.ok(session);
    assert.equal(await codeBy(session), 200);
    await stand.network.gateways.pause(id);
    const refused = await untilStatus(401, () => askBy(port, session));
    assert.equal(refused.code, 'auth_unknown_caller');
  });
});

describe('the time of a session', () => {
  const clock = createNodeClock();
  const startS = nowS();
  let stand: TestStand;

  before(async () => {
    clock.stopAt(startS);
    stand = await startTestStand({
      env: clock.env,
      pastReplayMark: false,
      config: { node: { threads: 2 }, auth: { schemes, session: { ttl: '30s' } } },
    });
  });
  after(async () => {
    await stand?.close();
    clock.remove();
  });

  it('ends after auth.session.ttl, for requests made before as well', async () => {
    const { port } = stand.node;
    const madeAtS = startS + 1;
    clock.stopAt(madeAtS);
    const keys = createSessionKeys();
    const times = { created: madeAtS, expires: madeAtS + 60 };
    const answer = await requestSession(port, stand.gateway, base64(keys.publicKey), times);
    const offer = JSON.parse(answer.body) as OfferedSession;
    assert.equal(offer.expiresAt, madeAtS + 30);
    const session = await acceptSession(offer, { caller: stand.gateway, keys, node: nodeAddress(stand) });
    clock.stopAt(madeAtS + 29);
    assert.equal((await askBy(port, session, { options: times })).status, 200);
    clock.stopAt(madeAtS + 30);
    const late = await askBy(port, session, { options: times });
    assert.deepEqual([late.status, late.code], [401, 'auth_unknown_caller']);
  });
});

describe('where sessions are not made', () => {
  it('the route is one that does not exist, behind authentication', async () => {
    const stand = await startTestStand({ config: { node: { threads: 1 } } });
    try {
      const answer = await requestSession(
        stand.node.port,
        stand.gateway,
        base64(createSessionKeys().publicKey),
      );
      assert.deepEqual([answer.status, answer.code], [404, 'route_not_found']);
      const unsigned = await send(stand.node.port, { path: sessionPath, body: '{}' });
      assert.equal(unsigned.code, 'auth_missing');
    } finally {
      await stand.close();
    }
  });

  it('bypassed authentication makes none either: nobody signed', async () => {
    const stand = await startTestStand({
      config: { node: { threads: 1 }, auth: { schemes }, registry: { bypassAuth: true } },
    });
    try {
      const answer = await requestSession(
        stand.node.port,
        stand.gateway,
        base64(createSessionKeys().publicKey),
      );
      assert.deepEqual([answer.status, answer.code], [401, 'auth_missing']);
    } finally {
      await stand.close();
    }
  });
});
