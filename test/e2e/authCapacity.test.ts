/** A replay table that is full refuses; it never forgets a live nonce to make room. The test sets the clock. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Caller, createCaller } from '../support/caller.js';
import { createNodeClock } from '../support/nodeClock.js';
import { type Answer, send, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

const capacity = 8;
const half = capacity / 2;
const maxAgeS = 10;

describe('a full replay table', () => {
  const clock = createNodeClock();
  const other: Caller = createCaller();
  const startS = Math.floor(Date.now() / 1000);
  const nowS = startS + 1;
  let stand: TestStand;
  const used: Record<string, string>[] = [];

  before(async () => {
    clock.stopAt(startS);
    stand = await startTestStand({
      gateways: [other],
      env: clock.env,
      pastReplayMark: false,
      config: {
        node: { threads: 2 },
        auth: { maxAge: `${maxAgeS}s`, maxSkew: '5s' },
        nonceCache: { capacity },
      },
    });
    clock.stopAt(nowS);
  });
  after(async () => {
    await stand?.close();
    clock.remove();
  });

  const ask = async (caller: Caller, timestamp = nowS): Promise<Answer> => {
    const headers = await caller.sign('', { timestamp });
    const answer = await send(stand.node.port, { headers });
    if (answer.status === 200) used.push(headers);
    return answer;
  };
  const assertFull = (answer: Answer): void => {
    assert.deepEqual([answer.status, answer.code], [503, 'replay_table_full']);
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
  };

  it('gives one caller at most half', async () => {
    for (let i = 0; i < half; i++) assert.equal((await ask(stand.gateway)).status, 200);
    assertFull(await ask(stand.gateway));
  });

  it('has room for another caller all the same', async () => {
    for (let i = 0; i < half; i++) assert.equal((await ask(other)).status, 200);
    assert.equal(await stand.node.metric('fxn_replay_entries'), capacity);
  });

  it('refuses everybody when all of it is in use', async () => {
    assertFull(await ask(stand.scheduler));
    assertFull(await ask(other));
    assert.equal(await stand.node.metric('fxn_replay_entries'), capacity);
  });

  it('still knows every nonce that it took', async () => {
    for (const headers of used) {
      assert.equal((await send(stand.node.port, { headers })).code, 'auth_replayed');
    }
  });

  it('refuses a bad signature as such, without a look at the table', async () => {
    const signed = await stand.scheduler.sign('', { timestamp: nowS });
    const headers = { ...signed, 'x-signature': `${'11'.repeat(64)}1b` };
    assert.equal((await send(stand.node.port, { headers })).code, 'auth_bad_signature');
  });

  it('accepts again as soon as the entries have ended', async () => {
    const endS = nowS + maxAgeS;
    clock.stopAt(endS);
    assertFull(await ask(stand.gateway, endS));
    clock.stopAt(endS + 1);
    assert.equal(await stand.node.metric('fxn_replay_entries'), 0);
    for (let i = 0; i < half; i++) assert.equal((await ask(stand.gateway, endS + 1)).status, 200);
    assertFull(await ask(stand.gateway, endS + 1));
    assert.equal((await sendSigned(stand.node.port, other, { sign: { timestamp: endS + 1 } })).status, 200);
  });
});
