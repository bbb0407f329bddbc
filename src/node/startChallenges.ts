/**
 * What answers challenges, put together: engines, telemetry, commitments and the challengers. The list of challengers
 * below is the list of types that this node knows. Runs in main.
 */
import { answerChallenges, type ChallengeDesk, type EndedChallenge } from '../challenge/answerChallenges.js';
import { createCommitments } from '../challenge/commitments.js';
import { createEndpointReachableChallenger } from '../challenge/endpointReachable.js';
import { createFailureStreak } from '../challenge/failureStreak.js';
import { createGpuStatsChallenger } from '../challenge/gpuStats.js';
import { createIdentityChallenger } from '../challenge/identity.js';
import { createMatrixMultiplicationChallenger } from '../challenge/matrixMultiplication.js';
import { createMatrixMultiplicationOpenChallenger } from '../challenge/matrixMultiplicationOpen.js';
import { createProofCommitter } from '../challenge/proofCommitter.js';
import type { ComputePool } from '../compute/computePool.js';
import { createCpuEngine } from '../compute/cpuEngine.js';
import { engineBackends, hostedEngines } from '../compute/engineBackends.js';
import { failureReason } from '../compute/engineFailure.js';
import { measureEngine } from '../compute/engineSpeed.js';
import { type GpuHost, type HostEngine, startGpuHost } from '../compute/gpuHost.js';
import { createJobLane } from '../compute/jobLane.js';
import type { MatrixEngine } from '../compute/matrixEngine.js';
import { createMatrixJobs } from '../compute/matrixJobs.js';
import { mayHaveNativeEngines } from '../compute/nativeHints.js';
import { openRows } from '../compute/openRows.js';
import { testEngine } from '../compute/selfTest.js';
import type { Config } from '../config/config.js';
import { createGuardedRequest } from '../egress/guardedRequest.js';
import { createPublicIp } from '../egress/publicIp.js';
import { NodeError } from '../errors/nodeError.js';
import { createGpuSampler, type GpuSampler, type GpuSamplerStatus } from '../gpu/gpuSampler.js';
import type { NodeKey } from '../keys/nodeKey.js';
import type { Clock } from '../lib/clock.js';
import type { GpuSample } from '../lib/gpuStat.js';
import { Ring } from '../lib/ring.js';
import type { Logger } from '../logger/logger.js';
import { createChallengeMetrics } from '../metrics/challengeMetrics.js';
import { addGpuMetrics } from '../metrics/gpuMetrics.js';
import type { MetricsRegistry } from '../metrics/threadMetrics.js';

export interface ChallengesOptions {
  readonly config: Config;
  readonly key: NodeKey;
  readonly pool: ComputePool;
  readonly metricsRegistry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Challenges extends ChallengeDesk {
  /** Starts the native engines and telemetry a little later; until then the compute threads answer. */
  begin(): void;
  /** What engines and telemetry are up to, for `/ready`. */
  details(): ChallengeDetails;
  /** What alerts go by. */
  vitals(): ChallengeVitals;
  /** The last challenges, the newest first. */
  recent(): readonly RecordedChallenge[];
  gpus(): GpuSample | undefined;
  close(): Promise<void>;
}

export interface ChallengeVitals {
  readonly challenges: { readonly failedInARow: number; readonly lastFailure: string | undefined };
  /** Of the last sample; empty without one. */
  readonly gpus: readonly { readonly name: string; readonly temperatureC: number | null }[];
  /** The most that a sample had since the start. */
  readonly mostGpus: number;
}

export type RecordedChallenge = EndedChallenge & {
  /** Unix milliseconds. */
  readonly atMs: number;
};

export interface ChallengeDetails {
  readonly engines: readonly EngineState[];
  readonly gpus: GpuSamplerStatus & { readonly count: number | null };
}

export interface EngineState {
  readonly name: string;
  readonly backend: string;
  readonly state: 'starting' | 'ready' | 'disabled';
  readonly device?: string;
  readonly reason?: string;
}

/** A multiplication's own deadline says more than the one of its challenge. */
const marginMs = 1_000;
/** Of the challenges that are shown. */
const recentChallenges = 50;
/** Looking for engines and testing them takes as long as all else that a node does until it serves: that comes first. */
const beginDelayMs = 1_000;

export function startChallenges(options: ChallengesOptions): Challenges {
  const { config, key, pool, metricsRegistry, clock, log } = options;
  const { compute, chainId } = config;

  const cpu = createCpuEngine(pool);
  let cpuFailure: string | undefined;
  /** Both use the same cores; until they were measured the compute threads, which need no other process, do. */
  let isOpenblasFaster = false;
  const closing = new AbortController();
  const recent = new Ring<RecordedChallenge>(recentChallenges);
  const absence = compute.gpu === 'off' ? 'compute.gpu is off' : 'no GPU and no OpenBLAS was found';
  let beginning: NodeJS.Timeout | undefined;
  let hasBegun = false;
  let host: GpuHost | undefined;
  let sampler: GpuSampler | undefined;
  let mostGpus = 0;
  const latest = () => sampler?.latest();
  const gpuMetrics = addGpuMetrics(metricsRegistry, latest, clock);

  const jobs = createMatrixJobs({
    cpu: () => (cpuFailure === undefined ? cpu : undefined),
    hosted: () =>
      (host?.engines() ?? []).flatMap(({ name, engine }) =>
        engine === undefined || (name === 'openblas' && !isOpenblasFaster) ? [] : [engine],
      ),
    maxWaiting: compute.maxQueued,
    deadlineMs: compute.deadline,
    log,
  });
  const openings = createJobLane(compute.maxQueued);
  const commitments = createCommitments({
    ttlMs: compute.commitmentTtl,
    budgetBytes: compute.commitmentBytes,
    clock,
  });
  const isLookedFor = (): boolean => compute.gpu !== 'off' && !hasBegun;
  const engines = (): EngineState[] => [
    {
      name: cpu.info.name,
      backend: cpu.info.backend,
      device: cpu.info.device,
      ...(cpuFailure === undefined ? { state: 'ready' } : { state: 'disabled', reason: cpuFailure }),
    },
    ...(host?.engines() ?? (isLookedFor() ? enginesToCome : absentEngines(absence))).map(
      ({ name, state, info, reason }) => ({
        name,
        backend: engineBackends[name],
        state,
        ...(info && { device: info.device }),
        ...(reason !== undefined && { reason }),
      }),
    ),
  ];
  const metrics = createChallengeMetrics(metricsRegistry, {
    jobs: () => jobs,
    commitments: () => commitments.held,
    engines: () =>
      engines().map(({ name, backend, state }) => ({ name, backend, isReady: state === 'ready' })),
    hostRestarts: () => host?.restarts ?? 0,
  });

  const compareWithOpenblas = async (openblas: MatrixEngine): Promise<void> => {
    const own = await measureEngine(cpu, closing.signal);
    const theirs = await measureEngine(openblas, closing.signal);
    isOpenblasFaster = theirs > own;
    const [wasm, blas] = [own, theirs].map((speed) => Number(speed.toPrecision(3)));
    log.info(
      { wasmGops: wasm, openblasGops: blas, uses: isOpenblasFaster ? 'openblas' : 'wasm' },
      'CPU engines compared',
    );
  };

  const streak = createFailureStreak();
  const deadlineMs = compute.deadline + marginMs;
  const desk = answerChallenges({
    challengers: [
      createIdentityChallenger({
        key,
        chainId,
        gpuStats: () => latest()?.stats ?? null,
        publicIp: createPublicIp({
          configured: config.node.publicIp,
          service: config.node.publicIpService,
          clock,
          onFailure: (failure) => log.warn({ failure }, 'the public address could not be looked up'),
        }),
        clock,
      }),
      createGpuStatsChallenger(latest),
      createMatrixMultiplicationChallenger({
        jobs,
        committer: createProofCommitter({ jobs, commitments, key, chainId }),
        maxMatrixSize: compute.maxMatrixSize,
        deadlineMs,
        renderMatrix: (cells, columns, signal) => pool.run('renderMatrix', { cells, columns }, { signal }),
        record: metrics.recordMultiplication,
      }),
      createMatrixMultiplicationOpenChallenger({
        commitments,
        openRows: (rows, signal) => openRows(pool, rows, signal),
        renderOpening: (opening, signal) => pool.run('renderOpening', opening, { signal }),
        lane: openings,
        deadlineMs: compute.deadline,
      }),
      createEndpointReachableChallenger({
        request: createGuardedRequest({ allowHosts: config.challenge.reachable.allowHosts }),
      }),
    ],
    async readLarge(body, signal) {
      const result = await pool.run(
        'readChallenge',
        { body, maxMatrixSize: compute.maxMatrixSize },
        { signal },
      );
      if ('refused' in result) throw NodeError.fromData(result.refused);
      return result.read;
    },
    metrics: {
      countChallenge(type, outcome, durationS) {
        metrics.countChallenge(type, outcome, durationS);
        streak.add(outcome);
      },
    },
    onEnd: (ended) => recent.push({ atMs: clock.nowMs(), ...ended }),
    log,
  });

  const beginNow = (): void => {
    if (hasBegun || closing.signal.aborted) return;
    hasBegun = true;
    clearTimeout(beginning);
    sampler = createGpuSampler({
      log,
      clock,
      onSample({ stats }) {
        mostGpus = Math.max(mostGpus, stats.length);
      },
      onFailure: ({ source }) => gpuMetrics.countFailure(source),
    });
    const tested = testEngine(cpu).catch((thrown: unknown) => {
      if (closing.signal.aborted) return;
      cpuFailure = failureReason(thrown);
      log.error({ engine: cpu.info.name, reason: cpuFailure }, 'compute engine disabled');
    });
    const isWanted = compute.gpu === 'webgpu' || (compute.gpu !== 'off' && mayHaveNativeEngines());
    if (!isWanted) return;
    let isMeasured = false;
    host = startGpuHost({
      gpu: compute.gpu === 'webgpu' ? 'webgpu' : 'auto',
      isAllowedSoftware: compute.gpu === 'webgpu',
      cpuThreads: pool.threads,
      limits: { jobDeadlineMs: compute.deadline },
      log,
      onState(states) {
        const { engine } = states.find(({ name }) => name === 'openblas') ?? {};
        if (isMeasured || engine === undefined) return;
        isMeasured = true;
        tested
          .then(() => compareWithOpenblas(engine))
          .catch((err: unknown) => log.debug({ err }, 'the engines of the CPU were not compared'));
      },
    });
  };

  return {
    ...desk,
    answer(forwarded) {
      // The first one does not wait for what would answer it better, but the next may have it.
      beginNow();
      return desk.answer(forwarded);
    },
    begin() {
      beginning = setTimeout(beginNow, beginDelayMs);
      beginning.unref();
    },
    details: () => ({
      engines: engines(),
      gpus: { ...(sampler?.status() ?? notSampled), count: latest()?.stats.length ?? null },
    }),
    vitals: () => ({ challenges: streak, gpus: gpusOf(latest()), mostGpus }),
    recent: () => recent.items().reverse(),
    gpus: latest,
    async close() {
      clearTimeout(beginning);
      closing.abort(new NodeError('draining'));
      await Promise.all([host?.close(), sampler?.close()]);
    },
  };
}

const gpusOf = (sample: GpuSample | undefined): ChallengeVitals['gpus'] =>
  (sample?.details ?? []).map(({ index, temperatureC }, place) => ({
    name: `${index} ${sample?.stats[place]?.name ?? ''}`.trim(),
    temperatureC,
  }));

const absentEngines = (reason: string): HostEngine[] =>
  hostedEngines.map((name) => ({ name, state: 'disabled', reason }));

const enginesToCome: readonly HostEngine[] = hostedEngines.map((name) => ({ name, state: 'starting' }));

const notSampled: GpuSamplerStatus = {
  source: undefined,
  sampledAtMs: undefined,
  missing: 'not_sampled',
  lastError: undefined,
};
