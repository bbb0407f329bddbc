/** A node without the native signature library: the same answers, and fronts that never wait for a signature. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createCaller } from '../support/caller.js';
import { openRaw, requestHead } from '../support/rawConnection.js';
import {
  chatBody,
  modelsPath,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const groupOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const queued = 200;

describe('signatures in the compute pool', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({
      entry: new URL(import.meta.resolve('#test/support/poolNode.js')).pathname,
      config: { node: { threads: 1 } },
    });
  });
  after(() => stand?.close());

  it('the node says that it does without the native library', async () => {
    const line = await stand.node.waitForLog(({ msg }) => msg?.startsWith('no native secp256k1') ?? false);
    assert.equal(line.level, 'warn');
  });

  it('accepts what the native library accepts', async () => {
    assert.equal((await sendSigned(stand.node.port, stand.gateway)).status, 200);
    assert.equal((await sendSigned(stand.node.port, stand.gateway, { body: chatBody })).status, 200);
    const signed = await stand.gateway.sign('');
    const v = Number.parseInt(signed['x-signature']!.slice(128), 16) - 27;
    const headers = { ...signed, 'x-signature': `${signed['x-signature']!.slice(0, 128)}0${v}` };
    assert.equal((await send(stand.node.port, { headers })).status, 200);
  });

  it('refuses what the native library refuses', async () => {
    const signed = await stand.gateway.sign('');
    const signature = signed['x-signature']!;
    const r = signature.slice(0, 64);
    const s = signature.slice(64, 128);
    const otherV = signature.endsWith('1b') ? '1c' : '1b';
    const highS = (groupOrder - BigInt(`0x${s}`)).toString(16).padStart(64, '0');
    const bad = [
      r + highS + otherV,
      r + s + otherV,
      `${'0'.repeat(64)}${s}1b`,
      `${r}${'0'.repeat(64)}1b`,
      `${'f'.repeat(64)}${s}1b`,
      `${groupOrder.toString(16)}${s}1b`,
      `${'11'.repeat(64)}1b`,
    ];
    for (const forged of bad) {
      const answer = await send(stand.node.port, { headers: { ...signed, 'x-signature': forged } });
      assert.deepEqual([answer.status, answer.code], [401, 'auth_bad_signature'], forged);
    }
    const byOther = await createCaller().sign('');
    const named = { ...byOther, 'x-address': stand.gateway.address };
    assert.equal((await send(stand.node.port, { headers: named })).code, 'auth_bad_signature');
    assert.equal((await send(stand.node.port, { headers: signed })).status, 200, 'its nonce stayed free');
  });

  it('serves a copied request once, though its copies wait for the pool together', async () => {
    const headers = await stand.gateway.sign('');
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(stand.node.port, { headers })));
    assert.deepEqual(
      answers.map(({ code, status }) => code ?? status).sort(),
      [200, ...Array.from({ length: 19 }, () => 'auth_replayed')].sort(),
    );
  });

  it(`answers others while ${queued} signatures wait, and then each of them`, async () => {
    const heads = await Promise.all(
      Array.from({ length: queued }, async () =>
        requestHead('GET', modelsPath, Object.entries(await stand.gateway.sign(''))),
      ),
    );
    const connections = await Promise.all(heads.map(() => openRaw(stand.node.port)));
    const health = await openRaw(stand.node.port);
    let answered = 0;
    for (const [i, raw] of connections.entries()) raw.send(heads[i]!);
    const answers = connections.map(async (raw) => {
      const { status } = await raw.answer();
      answered++;
      return status;
    });
    health.send(requestHead('GET', '/health'));
    assert.equal((await health.answer()).status, 200);
    assert.ok(answered < queued, 'signatures were still waiting');
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([200]));
    for (const raw of [health, ...connections]) raw.destroy();
  });

  it('forgets the request of a client that leaves while its signature waits', async () => {
    const crowd = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const raw = await openRaw(stand.node.port);
        raw.send(requestHead('GET', modelsPath, Object.entries(await stand.gateway.sign(''))));
        return raw;
      }),
    );
    for (const raw of crowd) raw.destroy();
    assert.equal((await sendSigned(stand.node.port, stand.gateway)).status, 200);
    assert.equal(await stand.node.metric('fxn_http_in_flight_requests'), 0);
    assert.equal(await stand.node.metric('fxn_handler_faults_total'), 0);
  });
});
