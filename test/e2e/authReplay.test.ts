/** One signed request is served once: copied at one instant over all fronts, and copied again after a crash. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import { requestHead, sendAtOnce } from '../support/rawConnection.js';
import { startTestNode, type TestNode } from '../support/testNode.js';
import {
  createScheduler,
  modelsPath,
  send,
  sendSigned,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const fronts = 4;
const copies = 50;
const rounds = propertyRuns(100);

describe('a request copied at one instant', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({
      config: { node: { threads: fronts }, logger: { verbosity: 'debug' } },
    });
  });
  after(() => stand?.close());

  it(`is served once of ${copies} times over ${fronts} fronts (the Go node checked, then set)`, async () => {
    for (let round = 0; round < rounds; round++) {
      const head = requestHead('GET', modelsPath, Object.entries(await stand.gateway.sign('')));
      const answers = await sendAtOnce(stand.node.port, head, copies);
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      const refused = answers.filter(({ status, code }) => status === 401 && code === 'auth_replayed');
      assert.equal(refused.length, copies - 1);
    }
    // Every front took some of the copies.
    await eventually(
      () => new Set(stand.node.log.filter(({ msg }) => msg === 'request').map(({ thread }) => thread)).size,
      (threads) => threads === fronts,
    );
    assert.equal(await stand.node.metric('fxn_replay_entries'), rounds);
  });
});

describe('a request copied across a crash', () => {
  let stand: TestStand;
  let node: TestNode;
  // Known to a node from its first moment, before it has read any registry.
  const scheduler = createScheduler();
  const home = mkdtempSync(join(tmpdir(), 'fxn-replay-'));
  const markFile = join(home, 'replay-mark');

  const mark = (): number => Number(readFileSync(markFile, 'utf8'));
  const now = (): number => Math.floor(Date.now() / 1000);
  const startAgain = (pastReplayMark = true): Promise<TestNode> =>
    startTestNode({ ...stand.nodeOptions, pastReplayMark });

  before(async () => {
    // A home of its own from the start: the node's key and snapshots stay over all restarts.
    stand = await startTestStand({ home, config: { node: { threads: 2 } } });
    await stand.node.close();
  });
  beforeEach(async () => {
    rmSync(markFile, { force: true });
    node = await startAgain();
  });
  afterEach(() => node.close());
  after(async () => {
    await stand?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const crashAndStartAgain = async (pastReplayMark = true): Promise<void> => {
    node.signal('SIGKILL');
    await node.exited;
    node = await startAgain(pastReplayMark);
  };

  it('is refused by the node that starts right after it was served (the Go node forgot)', async () => {
    const headers = await scheduler.sign('');
    assert.equal((await send(node.port, { headers })).status, 200);
    await crashAndStartAgain(false);
    const copy = await send(node.port, { headers });
    assert.deepEqual([copy.status, copy.code], [401, 'auth_expired']);
  });

  it('is refused although it is dated ahead of the clock, and so is everything dated before it', async () => {
    const ahead = now() + 20;
    const headers = await scheduler.sign('', { timestamp: ahead });
    assert.equal((await send(node.port, { headers })).status, 200);
    await crashAndStartAgain();
    assert.equal((await send(node.port, { headers })).code, 'auth_expired');
    const earlier = await sendSigned(node.port, scheduler, { sign: { timestamp: ahead - 1 } });
    assert.equal(earlier.code, 'auth_expired');
    const later = await sendSigned(node.port, scheduler, { sign: { timestamp: ahead + 1 } });
    assert.equal(later.status, 200);
  });

  it('finds its second on disk before it is served', async () => {
    const timestamp = now() + 25;
    assert.equal((await sendSigned(node.port, scheduler, { sign: { timestamp } })).status, 200);
    assert.equal(mark(), timestamp);
  });

  it('moves the recorded second forward only, however many fronts write it', async () => {
    const base = now();
    const ahead = Array.from({ length: 40 }, (_, i) => base + 3 + ((i * 7) % 20));
    let highest = 0;
    await Promise.all(
      ahead.map(async (timestamp) => {
        const answer = await sendSigned(node.port, scheduler, { sign: { timestamp } });
        assert.equal(answer.status, 200);
        const seen = mark();
        assert.ok(seen >= timestamp, `${seen} is on disk when ${timestamp} is served`);
        assert.ok(seen >= highest, `${seen} after ${highest}`);
        highest = seen;
      }),
    );
    assert.equal(mark(), Math.max(...ahead));
    await crashAndStartAgain();
    assert.equal(mark(), Math.max(...ahead), 'a start leaves it as it is');
  });

  it('writes nothing for a request that is refused', async () => {
    const headers = await scheduler.sign('', { timestamp: now() + 20 });
    const forged = { ...headers, 'x-signature': `${'11'.repeat(64)}1b` };
    assert.equal((await send(node.port, { headers: forged })).code, 'auth_bad_signature');
    assert.throws(mark, /ENOENT/);
  });

  it('keeps a node from starting when the recorded second cannot be read', async () => {
    await node.close();
    for (const damaged of ['', 'soon\n', '123456789012']) {
      writeFileSync(markFile, damaged);
      await assert.rejects(startAgain(), /the node ended with 2\n[\s\S]*replay-mark/);
    }
  });
});
