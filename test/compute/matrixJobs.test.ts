import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EngineInfo, MatrixEngine } from '#src/compute/matrixEngine.js';
import { createMatrixJobs, type MatrixJob } from '#src/compute/matrixJobs.js';
import { NodeError } from '#src/errors/nodeError.js';
import { createLogger } from '#src/logger/logger.js';

const log = createLogger({ level: 'silent', thread: 'test' });

/** An engine that does nothing but be chosen. */
function engine(name: EngineInfo['name'], more: Partial<EngineInfo> = {}): MatrixEngine {
  const info: EngineInfo = {
    name,
    backend: name === 'gpujs' ? 'gpu' : name === 'webgpu' ? 'webgpu' : 'cpu',
    device: name,
    deviceInfo: { name, computeCapability: null, memoryGB: null, cudaCores: null },
    isSoftware: false,
    maxSize: 1_000,
    takesGivenMatrices: true,
    ...more,
  };
  const unused = () => Promise.reject(new Error('not called here'));
  return { info, proofRound: unused, product: unused };
}

const jobsOf = (hosted: readonly MatrixEngine[], deadlineMs = 60_000) =>
  createMatrixJobs({ cpu: () => engine('wasm'), hosted: () => hosted, maxWaiting: 4, deadlineMs, log });

const job = (more: Partial<MatrixJob<string>>): MatrixJob<string> => ({
  wanted: 'auto',
  rows: 512,
  suits: () => true,
  run: async ({ info }) => info.name,
  signal: new AbortController().signal,
  ...more,
});

const all = [engine('openblas'), engine('gpujs'), engine('webgpu')];

describe('matrix jobs', () => {
  it('choose an engine by what is asked for, what there is and how large it is', async () => {
    const cases: readonly [MatrixJob<string>['wanted'], number, readonly MatrixEngine[], string, RegExp?][] =
      [
        ['auto', 99, all, 'wasm'],
        ['auto', 100, all, 'webgpu'],
        ['auto', 100, [engine('gpujs')], 'gpujs'],
        ['auto', 100, [], 'wasm'],
        ['auto', 256, [engine('openblas')], 'openblas'],
        ['cpu', 255, all, 'wasm'],
        ['cpu', 256, all, 'openblas'],
        ['cpu', 4, all, 'wasm'],
        ['gpu', 1, all, 'webgpu'],
        ['webgpu', 1, all, 'webgpu'],
        ['webgpu', 1, [engine('gpujs')], 'gpujs', /no webgpu engine/],
        ['gpu', 1, [], 'wasm', /no gpu engine/],
        ['gpu', 300, [engine('openblas')], 'openblas', /no gpu engine/],
        ['cuda', 1, all, 'webgpu', /no cuda engine/],
        ['cuda', 1, [], 'wasm', /no cuda engine/],
      ];
    for (const [wanted, rows, hosted, name, reason] of cases) {
      const { result, engine: ran, fallback } = await jobsOf(hosted).run(job({ wanted, rows }));
      assert.deepEqual([result, ran.name], [name, name], `${wanted} ${rows}`);
      if (reason === undefined) assert.equal(fallback, undefined, `${wanted} ${rows}`);
      else assert.match(fallback ?? '', reason);
    }
  });

  it('leave out engines that the job does not suit', async () => {
    const { result } = await jobsOf(all).run(job({ suits: ({ name }) => name === 'wasm' }));
    assert.equal(result, 'wasm');
    await assert.rejects(
      jobsOf(all).run(job({ suits: () => false })),
      (thrown) => thrown instanceof NodeError && thrown.code === 'invalid_payload',
    );
  });

  it('make up for an engine that fails with the next one, and say so', async () => {
    const failing = new NodeError('compute_failed', { meta: { reason: 'killed' } });
    const tried: string[] = [];
    const { result, fallback } = await jobsOf(all).run(
      job({
        run: async ({ info }) => {
          tried.push(info.name);
          if (info.backend !== 'cpu') throw failing;
          return info.name;
        },
      }),
    );
    assert.deepEqual(tried, ['webgpu', 'gpujs', 'openblas']);
    assert.equal(result, 'openblas');
    assert.equal(fallback, 'gpujs failed');
  });

  it('do not try what the caller got wrong on every engine', async () => {
    let tries = 0;
    const refusal = new NodeError('invalid_payload');
    await assert.rejects(
      jobsOf(all).run(
        job({
          run: async () => {
            tries++;
            throw refusal;
          },
        }),
      ),
      (thrown) => thrown === refusal,
    );
    assert.equal(tries, 1);
  });

  it('end with their deadline, waiting included, and the next one has its turn', async () => {
    const jobs = jobsOf([], 50);
    const isTimeout = (thrown: unknown): boolean =>
      thrown instanceof NodeError && thrown.code === 'compute_timeout';
    const untilAborted = (_: MatrixEngine, signal: AbortSignal): Promise<string> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    const first = jobs.run(job({ run: untilAborted }));
    const second = jobs.run(job({ run: untilAborted }));
    await assert.rejects(first, isTimeout);
    await assert.rejects(second, isTimeout);
    assert.equal((await jobs.run(job({}))).result, 'wasm');
    assert.deepEqual([jobs.isBusy, jobs.waiting], [false, 0]);
  });

  it('end when nobody waits any more, with the reason of that', async () => {
    const abort = new AbortController();
    const run = jobsOf([]).run(
      job({
        signal: abort.signal,
        run: (_, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
            abort.abort(new Error('left'));
          }),
      }),
    );
    await assert.rejects(run, /left/);
  });
});
