/**
 * The time window of signed requests to the second, over a node whose clock the test sets; and the network's own
 * signed requests, which are dated June 2025.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gatewayKey } from '../keys/publicTestKeys.js';
import { createCaller } from '../support/caller.js';
import { createNodeClock } from '../support/nodeClock.js';
import { openRaw, requestHead } from '../support/rawConnection.js';
import {
  chatBody,
  chatPath,
  createScheduler,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const maxAgeS = 60;
const maxSkewS = 30;
/** When the node starts; the Go client's requests were signed 10 to 17 seconds later. */
const startS = 1_749_999_990;

/** Requests as the network's Go client signs them, with its public test keys. */
const goRequests = [
  {
    caller: createCaller(gatewayKey.privateKeyHex),
    path: '/v1/chat/completions',
    body: '{"model": "meta/llama-4-scout-17b-16e-instruct", "messages": [{"role": "user", "content": "Hello!"}]}',
    timestamp: 1_750_000_000,
    nonce: '1f2e3d4c5b6a7988',
    signature:
      '6bb826e339314692ff7e4a960b2ff5de08e52a97836be5086422842cdba2109d06ee25a047989e7c6a5e1898d0f663239c4d31972d4b1f94bf7b2f186d9496201b',
    status: 200,
  },
  {
    caller: createCaller(gatewayKey.privateKeyHex),
    path: '/v1/models',
    body: '',
    timestamp: 1_750_000_002,
    nonce: '0',
    signature:
      '531ad9da87f705fcd63e69d89784d6c2d7860aa42fa5372531f11837c37cead339de31f6c5afa2c27bfc848d191fda1d4fdd055da4b4876fa0583b5eb0c7ec491b',
    status: 200,
  },
  {
    caller: createScheduler(),
    path: '/challenge',
    body: '{"type": "MATRIX_MULTIPLICATION", "payload": {"A": [[1, 2], [3, 4]], "B": [[5, 6], [7, 8]]}}',
    timestamp: 1_750_000_005,
    nonce: '5d1f0c2b9a7e4c3',
    signature:
      'de4fbe02d43a8b08a917451e0135eae47dd623c6484035fc1995ec91f90b988b1f24466dff24f8c638a5e41cda580c686300e1023c929e41bdc4d297f57f44c41c',
    // Past authentication; which challenges are built is another test's matter.
    status: undefined,
  },
  {
    caller: createCaller(gatewayKey.privateKeyHex),
    path: '/v1/completions',
    body: '{"model":"m","prompt":"héllo 世界 🚀"}',
    timestamp: 1_750_000_007,
    nonce: 'utf8-1',
    signature:
      '2cc6cdff6443cf3ac6d416df995568479a2f8f9102761828397ad737a64226b21dcef69470abebde7f2e61a9ad1024514c8888dc4229429e2f6be87b5ec2c4931c',
    status: 200,
  },
];

describe('the time window of signed requests', () => {
  const clock = createNodeClock();
  let stand: TestStand;

  before(async () => {
    clock.stopAt(startS);
    stand = await startTestStand({
      gateway: createCaller(gatewayKey.privateKeyHex),
      env: clock.env,
      pastReplayMark: false,
      config: {
        node: { threads: 2 },
        // The clock leaps by more than the registry's polls could follow.
        registry: { maxStaleness: '24h' },
        auth: { maxAge: `${maxAgeS}s`, maxSkew: `${maxSkewS}s` },
      },
    });
    await stand.node.reload({
      modelBackends: {
        models: ['m', 'meta/llama-4-scout-17b-16e-instruct'].map((name) => ({
          name,
          fxnId: '2',
          backends: [{ url: stand.backend.url }],
        })),
      },
    });
  });
  after(async () => {
    await stand?.close();
    clock.remove();
  });

  const codeAt = async (timestamp: number): Promise<string | number> => {
    const answer = await sendSigned(stand.node.port, stand.gateway, { sign: { timestamp } });
    return answer.code ?? answer.status;
  };

  it('refuses requests dated in the second in which the node started, or before it', async () => {
    assert.equal(await codeAt(startS), 'auth_expired');
    assert.equal(await codeAt(startS - 1), 'auth_expired');
    assert.equal(await codeAt(startS + 1), 200);
  });

  it('goes on refusing them while they are young enough', async () => {
    clock.stopAt(startS + 20);
    assert.equal(await codeAt(startS), 'auth_expired');
    assert.equal(await codeAt(startS + 1), 200);
  });

  for (const { caller, path, body, timestamp, nonce, signature, status } of goRequests) {
    it(`accepts the Go client's ${path} of ${timestamp}, and only unchanged`, async () => {
      clock.stopAt(1_750_000_008);
      const signed = await caller.sign(body, { timestamp, nonce });
      assert.equal(signed['x-signature'], signature, 'viem and the Go client sign alike');
      const method = body === '' ? 'GET' : 'POST';
      const tampered = await send(stand.node.port, { method, path, body: `${body} `, headers: signed });
      assert.equal(tampered.code, 'auth_bad_signature');
      const answer = await send(stand.node.port, { method, path, body, headers: signed });
      if (status === undefined) assert.ok(answer.status !== 401, answer.body);
      else assert.equal(answer.status, status, answer.body);
      const again = await send(stand.node.port, { method, path, body, headers: signed });
      assert.equal(again.code, 'auth_replayed');
    });
  }

  it('accepts a request exactly maxAge old and refuses one a second older', async () => {
    const nowS = startS + 1_000;
    clock.stopAt(nowS);
    assert.equal(await codeAt(nowS - maxAgeS), 200);
    assert.equal(await codeAt(nowS - maxAgeS - 1), 'auth_expired');
    assert.equal(await codeAt(0), 'auth_expired');
  });

  it('refuses a request a second more than maxSkew ahead and accepts one exactly maxSkew ahead', async () => {
    const nowS = startS + 2_000;
    clock.stopAt(nowS);
    assert.equal(await codeAt(nowS + maxSkewS + 1), 'auth_expired');
    assert.equal(await codeAt(99_999_999_999), 'auth_expired');
    assert.equal(await codeAt(nowS + maxSkewS), 200);
  });

  it('remembers a nonce for as long as its request would be young enough, and then lets go of it', async () => {
    const nowS = startS + 3_000;
    clock.stopAt(nowS);
    const headers = await stand.gateway.sign('', { timestamp: nowS });
    assert.equal((await send(stand.node.port, { headers })).status, 200);
    clock.stopAt(nowS + maxAgeS);
    assert.equal((await send(stand.node.port, { headers })).code, 'auth_replayed');
    clock.stopAt(nowS + maxAgeS + 1);
    assert.equal((await send(stand.node.port, { headers })).code, 'auth_expired');
    const nonce = headers['x-nonce'] ?? '';
    const fresh = { nonce, timestamp: nowS + maxAgeS + 1 };
    assert.equal((await sendSigned(stand.node.port, stand.gateway, { sign: fresh })).status, 200);
  });

  it('keeps the nonce of a request from ahead of the clock until that request is too old', async () => {
    const nowS = startS + 4_000;
    clock.stopAt(nowS);
    const headers = await stand.gateway.sign('', { timestamp: nowS + maxSkewS });
    assert.equal((await send(stand.node.port, { headers })).status, 200);
    clock.stopAt(nowS + maxSkewS + maxAgeS);
    assert.equal((await send(stand.node.port, { headers })).code, 'auth_replayed');
  });

  it('refuses a body that arrives so slowly that the request grew too old meanwhile', async () => {
    const nowS = startS + 5_000;
    clock.stopAt(nowS);
    const headers = await stand.gateway.sign(chatBody, { timestamp: nowS });
    const length = ['content-length', String(chatBody.length)] as const;
    const raw = await openRaw(stand.node.port);
    raw.send(requestHead('POST', chatPath, [...Object.entries(headers), length]) + chatBody.slice(0, 5));
    // On the same front or not: once this is answered, the head above was read long ago.
    for (let i = 0; i < 8; i++) assert.equal(await codeAt(nowS - i), 200);
    clock.stopAt(nowS + maxAgeS + 1);
    raw.send(chatBody.slice(5));
    const answer = await raw.answer();
    assert.deepEqual([answer.status, answer.code], [401, 'auth_expired']);
    raw.destroy();
  });

  it('does not wait for the rest of a body whose signature has expired, and closes', async () => {
    const nowS = startS + 5_000;
    clock.stopAt(nowS);
    // One second of the window is left.
    const headers = await stand.gateway.sign(chatBody, { timestamp: nowS - maxAgeS });
    const length = ['content-length', String(chatBody.length)] as const;
    const raw = await openRaw(stand.node.port);
    raw.send(requestHead('POST', chatPath, [...Object.entries(headers), length]) + chatBody.slice(0, 5));
    const before = stand.backend.requests.length;
    const answer = await raw.answer();
    assert.deepEqual([answer.status, answer.code], [401, 'auth_expired']);
    await raw.untilClosed();
    assert.equal(stand.backend.requests.length, before);
  });

  it('serves a body that arrives slowly within the window', async () => {
    const nowS = startS + 6_000;
    clock.stopAt(nowS);
    const headers = await stand.gateway.sign(chatBody, { timestamp: nowS });
    const raw = await openRaw(stand.node.port);
    const length = ['content-length', String(chatBody.length)] as const;
    raw.send(requestHead('POST', chatPath, [...Object.entries(headers), length]) + chatBody.slice(0, 5));
    assert.equal(await codeAt(nowS), 200);
    clock.stopAt(nowS + maxAgeS);
    raw.send(chatBody.slice(5));
    assert.equal((await raw.answer()).status, 200);
    raw.destroy();
  });
});
