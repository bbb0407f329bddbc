// needs: swiftshader
/** A node whose GPU host is killed again and again while challenges come in: the answers are right, the node lives. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { firstPreviousRoot, roundKeys } from '#src/proof/inputKeys.js';
import { inputValues } from '#src/proof/keystream.js';
import { rowLeaf, treeRoot } from '#src/proof/rowTree.js';
import { schedulerKey } from '../keys/publicTestKeys.js';
import { goldenAddress, goldenChainId } from '../proof/golden.js';
import { propertyRuns } from '../runs.js';
import { eventually } from '../support/bypassNode.js';
import { swiftshaderDriver } from '../support/swiftshader.js';
import { sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

const challenges = propertyRuns(1_000);
/** Challenges of one client between two kills, on average. */
const killEvery = 20;
/** A host starts behind everything else that runs here. */
const patienceMs = 240_000;
const sizes = [33, 128, 200];
const seedBytes = [1, 2, 3, 4];

/** The root by plain loops. */
function expectedRoot(seedByte: number, size: number): string {
  const seed = new Uint8Array(32).fill(seedByte);
  const { a, b } = roundKeys({
    seed,
    address: goldenAddress,
    chainId: goldenChainId,
    round: 0,
    previousRoot: firstPreviousRoot,
  });
  const [left, right] = [inputValues(a, 0, size * size), inputValues(b, 0, size * size)];
  const leaves = new Uint8Array(size * 32);
  for (let i = 0; i < size; i++) {
    const row = new Int32Array(size);
    for (let k = 0; k < size; k++) {
      for (let j = 0; j < size; j++) row[j] = row[j]! + left[i * size + k]! * right[k * size + j]!;
    }
    leaves.set(rowLeaf(i, new Uint8Array(row.buffer)), i * 32);
  }
  return `0x${Buffer.from(treeRoot(leaves)).toString('hex')}`;
}

/** The child processes of a node that are its GPU host; there is at most one. */
function hostsOf(node: number): number[] {
  const hosts: number[] = [];
  for (const name of readdirSync('/proc')) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (state !== 'Z' && Number(parent) === node && command.includes('gpuHost.js'))
        hosts.push(Number(name));
    } catch {
      // No process, or it ended meanwhile.
    }
  }
  return hosts;
}

describe('a GPU host that is killed at random', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({
      // The address that the expected roots are for.
      privateKeyHex: schedulerKey.privateKeyHex,
      env: { VK_ICD_FILENAMES: swiftshaderDriver },
      config: { node: { threads: 1 }, compute: { gpu: 'webgpu', maxQueued: 8 } },
    });
    await stand.node.waitForLog(({ msg, engine }) => msg === 'compute engine ready' && engine === 'webgpu');
  });
  after(() => stand?.close());

  const isUp = (): Promise<number | undefined> =>
    stand.node.metric('fxn_compute_engine_up', { engine: 'webgpu' });

  it(`answers ${challenges} challenges rightly, or says clearly that it could not`, async () => {
    const expected = new Map(
      seedBytes.flatMap((byte) => sizes.map((size) => [`${byte}/${size}`, expectedRoot(byte, size)])),
    );
    const ran = new Map<string, number>();
    let kills = 0;
    const challenge = async (): Promise<void> => {
      const byte = seedBytes[Math.floor(Math.random() * seedBytes.length)]!;
      const size = sizes[Math.floor(Math.random() * sizes.length)]!;
      const payload = { seed: Buffer.alloc(32, byte).toString('hex'), size, backend: 'webgpu' };
      const answer = await sendSigned(stand.node.port, stand.scheduler, {
        path: '/challenge',
        body: JSON.stringify({ type: 'MATRIX_MULTIPLICATION', payload }),
      });
      const body = JSON.parse(answer.body) as { merkleRoot: string; backend: string; fallback?: string };
      if (answer.status === 200) {
        assert.equal(body.merkleRoot, expected.get(`${byte}/${size}`), answer.body);
        assert.equal(body.backend !== 'webgpu', body.fallback !== undefined, answer.body);
      } else assert.equal(answer.code, 'compute_failed', answer.body);
      const outcome = answer.status === 200 ? body.backend : 'failed';
      ran.set(outcome, (ran.get(outcome) ?? 0) + 1);
    };
    /** While the job is with the host, or on its way there or back. A host that starts is spared: see its own suite. */
    const killDuring = async (pending: Promise<void>): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      if ((await isUp()) !== 1) return await pending;
      for (const host of hostsOf(stand.node.pid)) {
        process.kill(host, 'SIGKILL');
        kills++;
      }
      await pending;
    };
    const client = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent++) {
        // Some come while there is no host, most find one.
        if (Math.random() < 0.8) await eventually(isUp, (up) => up === 1, patienceMs);
        const pending = challenge();
        if (sent === 0 || Math.random() < 1 / killEvery) await killDuring(pending);
        else await pending;
      }
    };
    await Promise.all([client(Math.ceil(challenges / 2)), client(Math.floor(challenges / 2))]);

    assert.ok(kills > 0, 'nothing was killed');
    assert.ok(
      (ran.get('webgpu') ?? 0) > challenges / 4,
      `hardly an answer came from the GPU host: ${JSON.stringify([...ran])}`,
    );
    assert.ok((ran.get('failed') ?? 0) < challenges / 10, `too many failed: ${JSON.stringify([...ran])}`);
    assert.equal(await stand.node.metric('fxn_thread_restarts_total'), undefined);
  });

  it('is started again and answers as before', async () => {
    const { node, scheduler } = stand;
    await eventually(isUp, (up) => up === 1, patienceMs);
    assert.equal(hostsOf(node.pid).length, 1);
    const answer = await sendSigned(node.port, scheduler, {
      path: '/challenge',
      body: '{"type":"MATRIX_MULTIPLICATION","payload":{"size":128,"backend":"webgpu"}}',
    });
    assert.equal((JSON.parse(answer.body) as { backend: string }).backend, 'webgpu');
    assert.ok(((await node.metric('fxn_gpu_host_restarts_total')) ?? 0) > 0);
  });

  it('does not outlive its node', async () => {
    const [host] = hostsOf(stand.node.pid);
    assert.notEqual(host, undefined);
    await stand.node.close();
    await eventually(
      () => readdirSync('/proc').includes(String(host)),
      (isThere) => !isThere,
    );
  });
});
