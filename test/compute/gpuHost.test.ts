import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { GpuHost, GpuHostOptions } from '#src/compute/gpuHost.js';
import type { MatrixEngine, ProofRoundResult } from '#src/compute/matrixEngine.js';
import { NodeError } from '#src/errors/nodeError.js';
import { propertyRuns } from '#test/runs.js';
import { plainProofRound } from './plainProduct.js';
import { engineOf, isRunning, openOddHost, readyEngine, until, untilEngine } from './testHost.js';

const never = (): AbortSignal => new AbortController().signal;
const key = (first: number): Uint8Array => Uint8Array.of(first, ...randomBytes(31));
/** A job in which the engine shows its oddity. */
const oddJob = (engine: MatrixEngine, signal = never()): Promise<ProofRoundResult> =>
  engine.proofRound({ size: 8, keyA: key(0xee), keyB: key(0) }, signal);

async function assertServes(engine: MatrixEngine, size = 16): Promise<void> {
  const [keyA, keyB] = [key(1), key(2)];
  const { leaves } = await engine.proofRound({ size, keyA, keyB }, never());
  assert.deepEqual(Buffer.from(leaves), Buffer.from(plainProofRound(size, keyA, keyB).leaves));
}

function endHost(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended already.
  }
}

const failsWith =
  (reason: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NodeError, `${error}`);
    assert.equal(error.code, 'compute_failed');
    assert.match(String(error.meta['reason']), reason);
    return true;
  };

/** A host whose engines are odd as told, open for as long as `use` runs; afterwards its process is gone. */
async function withHost(
  oddities: string,
  limits: GpuHostOptions['limits'],
  use: (host: GpuHost) => Promise<void>,
  options: Partial<GpuHostOptions> = {},
): Promise<void> {
  const env = { ...process.env, FXN_TEST_ODDITIES: oddities };
  const host = openOddHost({ env, limits: { firstRestartMs: 1, ...limits }, ...options });
  let pid: number | undefined;
  try {
    await use(host);
  } finally {
    pid = host.pid;
    await host.close();
  }
  if (pid !== undefined) assert.equal(isRunning(pid), false, 'the host outlived its node');
}

describe('the GPU host', () => {
  it('tells the state of its engines as it changes', async () => {
    const seen: string[] = [];
    await withHost(
      'gpujs:absent,openblas:wrong',
      {},
      async (host) => {
        assert.deepEqual(
          host.engines().map(({ name, state }) => `${name} ${state}`),
          ['webgpu starting', 'gpujs starting', 'openblas starting'],
        );
        await untilEngine(host, 'openblas', ({ state }) => state === 'disabled');
        assert.equal(engineOf(host, 'webgpu').info?.device, 'plain loops');
      },
      { onState: (engines) => seen.push(engines.map(({ state }) => state).join(' ')) },
    );
    assert.deepEqual(seen, ['ready starting starting', 'ready disabled starting', 'ready disabled disabled']);
  });

  it('disables an engine that is absent or computes wrong roots, with the reason', async () => {
    await withHost('webgpu:absent,gpujs:wrong', {}, async (host) => {
      await assertServes(await readyEngine(host, 'openblas'));
      assert.equal(engineOf(host, 'webgpu').reason, 'no adapter');
      assert.equal(engineOf(host, 'gpujs').reason, 'wrong root in the self-test at size 256');
      for (const name of ['webgpu', 'gpujs'] as const) assert.equal(engineOf(host, name).engine, undefined);
    });
  });

  it('runs behind everything else', { skip: process.platform !== 'linux' }, async () => {
    await withHost('', {}, async (host) => {
      await readyEngine(host, 'webgpu');
      const stat = readFileSync(`/proc/${host.pid}/stat`, 'latin1');
      const niceness = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16];
      assert.equal(niceness, '15');
    });
  });

  it('serves jobs of several callers one after the other, and refuses too many', async () => {
    await withHost('gpujs:slow', { maxWaiting: 2 }, async (host) => {
      const slow = await readyEngine(host, 'gpujs');
      const other = await readyEngine(host, 'openblas');
      const controller = new AbortController();
      const running = assert.rejects(oddJob(slow, controller.signal), { name: 'AbortError' });
      const waiting = [assertServes(other), assertServes(slow)];
      await assert.rejects(oddJob(other), failsWith(/too many jobs wait/));
      controller.abort();
      await Promise.all([running, ...waiting]);
      assert.equal(host.restarts, 0);
    });
  });

  it('passes on what an engine throws, and works on', async () => {
    await withHost('webgpu:throws', {}, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      await assert.rejects(oddJob(engine), failsWith(/^the shader melted$/));
      await assertServes(engine);
      assert.equal(host.restarts, 0);
    });
  });

  it('is killed when it hangs beyond a deadline; the next job is served by the next host', async () => {
    await withHost('webgpu:blocks', { jobDeadlineMs: 2_000 }, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      const { pid } = host;
      await assert.rejects(oddJob(engine), failsWith(/no result within 2000 ms/));
      // Its deadline should not pass while the next host starts.
      await until(() => host.restarts === 1);
      await assertServes(await readyEngine(host, 'webgpu'));
      assert.equal(isRunning(pid!), false);
      assert.equal(host.restarts, 1);
    });
  });

  it('is killed when it does not obey an abort; the caller does not wait for that', async () => {
    for (const oddity of ['deaf', 'blocks']) {
      await withHost(`webgpu:${oddity}`, { abortGraceMs: 50 }, async (host) => {
        const engine = await readyEngine(host, 'webgpu');
        const { pid } = host;
        const controller = new AbortController();
        const reason = new Error('the caller left');
        const rejected = assert.rejects(oddJob(engine, controller.signal), (error) => error === reason);
        const next = assertServes(engine);
        controller.abort(reason);
        await rejected;
        await next;
        assert.notEqual(host.pid, pid);
      });
    }
  });

  it('fails the job during which it crashes, at once, and is started again', async () => {
    await withHost('webgpu:crashes', {}, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      await assert.rejects(oddJob(engine), failsWith(/^the GPU host ended by SIG/));
      await assertServes(engine);
    });
  });

  it('ends after the answer to a job that lost the device, and is started again', async () => {
    await withHost('webgpu:lost', {}, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      await assert.rejects(oddJob(engine), failsWith(/^device lost: unplugged$/));
      await until(() => host.restarts === 1);
      await assertServes(engine);
    });
  });

  it('leaves out an engine that crashes or hangs at its start as often as it may', async () => {
    for (const [oddity, limits, reason] of [
      ['crashesAtStart', { maxDeathsInStart: 2 }, /ended by SIG.* while this engine started/],
      // Each death takes the deadline, which the start of a process on busy cores must not reach.
      [
        'hangsAtStart',
        { maxDeathsInStart: 1, startDeadlineMs: 3_000 },
        /did not report its start in time while this engine started/,
      ],
    ] as const) {
      await withHost(`gpujs:${oddity}`, limits, async (host) => {
        await assertServes(await readyEngine(host, 'openblas'));
        const { state, reason: given } = engineOf(host, 'gpujs');
        assert.equal(state, 'disabled');
        assert.match(given!, reason);
        assert.equal(host.restarts, limits.maxDeathsInStart);
      });
    }
  });

  it('is given up after failing too often in a row, all engines disabled', async () => {
    await withHost('webgpu:crashes', { maxDeathsInARow: 3 }, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      for (let death = 0; death < 3; death++) {
        await assert.rejects(oddJob(engine), failsWith(/ended by SIG/));
      }
      for (const { state, reason, engine: left } of host.engines()) {
        assert.equal(state, 'disabled');
        assert.match(reason!, /failed 3 times in a row; at last it ended by SIG/);
        assert.equal(left, undefined);
      }
      assert.equal(host.pid, undefined);
      await assert.rejects(oddJob(engine), failsWith(/3 times in a row/));
    });
  });

  it('that was given up is tried again later, and serves if it can', async () => {
    await withHost('webgpu:crashes', { maxDeathsInARow: 1, retryAfterMs: 300 }, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      await assert.rejects(oddJob(engine), failsWith(/ended by SIG/));
      assert.equal(engineOf(host, 'webgpu').state, 'disabled');
      const again = await untilEngine(host, 'webgpu', ({ state }) => state === 'ready');
      await assertServes(again.engine!);
    });
  });

  it('an engine that was left out is tried again later, beside those that serve', async () => {
    const states: string[] = [];
    let serving: MatrixEngine | undefined;
    const timesDisabled = (): number => states.filter((state) => state === 'disabled').length;
    await withHost(
      'gpujs:crashesAtStart',
      { maxDeathsInStart: 1, retryAfterMs: 100, longestRestartMs: 100 },
      async () => {
        await until(() => serving !== undefined);
        // A job that waits or runs puts off the next try.
        await assertServes(serving!);
        await until(() => timesDisabled() >= 2);
        await assertServes(serving!);
      },
      {
        onState(engines) {
          serving ??= engines.find(({ name }) => name === 'webgpu')?.engine;
          const { state } = engines.find(({ name }) => name === 'gpujs')!;
          if (state !== states.at(-1)) states.push(state);
        },
      },
    );
    assert.deepEqual(states.slice(0, 4), ['starting', 'disabled', 'starting', 'disabled']);
  });

  it('that finds no engine ends, and nothing is said of a failure', async () => {
    await withHost('webgpu:absent,gpujs:absent,openblas:absent', {}, async (host) => {
      await until(() => host.engines().every(({ state }) => state === 'disabled'));
      await until(() => host.pid === undefined);
      assert.equal(engineOf(host, 'webgpu').reason, 'no adapter');
      assert.equal(host.restarts, 0);
    });
  });

  it('is not given up for failures with work between them', async () => {
    await withHost('webgpu:crashes', { maxDeathsInARow: 2 }, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      for (let death = 0; death < 3; death++) {
        await assert.rejects(oddJob(engine), failsWith(/ended by SIG/));
        await assertServes(engine);
      }
    });
  });

  it('that cannot be started at all disables its engines', async () => {
    const entry = new URL('./noSuchHost.js', import.meta.url);
    await withHost(
      '',
      { maxDeathsInARow: 2 },
      async (host) => {
        const { reason } = await untilEngine(host, 'webgpu', ({ state }) => state === 'disabled');
        assert.match(reason!, /ended with code 1/);
      },
      { entry },
    );
  });

  it('may say more than anyone wants to read', async () => {
    await withHost('webgpu:talks', {}, async (host) => {
      await assertServes(await readyEngine(host, 'webgpu'));
    });
  });

  it('fails every job when it is closed, and refuses later ones', async () => {
    let engine: MatrixEngine | undefined;
    await withHost('webgpu:deaf', {}, async (host) => {
      engine = await readyEngine(host, 'webgpu');
      const open = [oddJob(engine), oddJob(engine)].map((job) =>
        assert.rejects(job, failsWith(/the GPU host (is|was) closed/)),
      );
      await host.close();
      await Promise.all(open);
    });
    await assert.rejects(oddJob(engine!), failsWith(/the GPU host is closed/));
  });

  it('ends with its parent, even while it hangs', async () => {
    for (const oddity of ['', 'webgpu:blocks']) {
      const parent = spawn(process.execPath, [fileURLToPath(new URL('./hostParent.js', import.meta.url))], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, FXN_TEST_ODDITIES: oddity },
      });
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      assert.equal(isRunning(pid), true);
      // The job that blocks must have arrived.
      await delay(200);
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      await until(() => !isRunning(pid));
    }
  });

  it('killed at any moment harms nobody: every answer is right or an error', async () => {
    const jobs = propertyRuns(1_000);
    const limits = { maxDeathsInARow: 10_000, maxDeathsInStart: 10_000, longestRestartMs: 5 };
    await withHost('', limits, async (host) => {
      const engine = await readyEngine(host, 'webgpu');
      let served = 0;
      let failed = 0;
      let lastKilled: number | undefined;
      for (let job = 0; job < jobs; job++) {
        const { pid } = host;
        const isKilled = pid !== undefined && (job === 0 || Math.random() < 0.1);
        // From before the job reaches the host until after it has answered.
        const kill = isKilled ? delay(Math.random() * 12).then(() => endHost(pid)) : undefined;
        try {
          await assertServes(engine, 1 + (job % 90));
          served++;
        } catch (error) {
          failsWith(/^the GPU host ended by SIGKILL$/)(error);
          failed++;
        }
        await kill;
        if (isKilled) lastKilled = pid;
      }
      // The news of the last kill may still be on its way.
      await until(() => host.pid !== lastKilled);
      await assertServes(await readyEngine(host, 'webgpu'));
      assert.equal(served + failed, jobs);
      assert.ok(host.restarts > 0, 'it was never killed');
    });
  });
});
