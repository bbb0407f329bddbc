/** What main counts of challenges and of the engines that answer them. Runs in main. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsRegistry } from './threadMetrics.js';

export interface ChallengeMetricSources {
  /** Matrix multiplications that wait, and whether one runs. */
  jobs(): { readonly waiting: number; readonly isBusy: boolean };
  /** Commitments that can be opened now. */
  commitments(): number;
  /** Engines by name, with whether they may be used. */
  engines(): readonly { readonly name: string; readonly backend: string; readonly isReady: boolean }[];
  /** How often the GPU host was started again. */
  hostRestarts(): number;
}

export interface ChallengeMetrics {
  /** `type` and `outcome` come from closed sets: a known type or `unknown`, `answered` or a code. */
  countChallenge(type: string, outcome: string, durationS: number): void;
  recordMultiplication(run: MultiplicationRun): void;
}

export interface MultiplicationRun {
  readonly backend: string;
  readonly size: number;
  readonly durationMs: number;
  readonly gflops: number;
}

const durationBucketsS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** As existing dashboards have them: 1, 2, 4 … 16384. */
const multiplicationBucketsMs = Array.from({ length: 15 }, (_, power) => 2 ** power);

export function createChallengeMetrics(
  registry: MetricsRegistry,
  sources: ChallengeMetricSources,
): ChallengeMetrics {
  const challenges = registry.add(
    new Counter({
      name: 'fxn_challenge_requests_total',
      help: 'Challenges by type and outcome: answered, left (by the scheduler), or the code of the refusal.',
      labelNames: ['type', 'outcome'],
      registers: [],
    }),
  );
  const durations = registry.add(
    new Histogram({
      name: 'fxn_challenge_duration_seconds',
      help: 'From the arrival of a challenge at main to its answer.',
      labelNames: ['type'],
      buckets: durationBucketsS,
      registers: [],
    }),
  );
  const lastAt = registry.add(
    new Gauge({
      name: 'fxn_challenge_last_timestamp_seconds',
      help: 'When the last challenge was answered or refused, in Unix seconds; absent before the first.',
      registers: [],
    }),
  );
  // A gauge without labels begins at zero, which would be a challenge in 1970.
  lastAt.remove();
  const multiplications = registry.add(
    new Histogram({
      name: 'challenge_matrix_mult_duration_ms',
      help: 'How long matrix multiplications took.',
      buckets: multiplicationBucketsMs,
      registers: [],
    }),
  );
  const size = registry.add(
    new Gauge({
      name: 'challenge_matrix_mult_size',
      help: 'Rows of the last matrix multiplication.',
      registers: [],
    }),
  );
  const gflops = registry.add(
    new Gauge({
      name: 'challenge_matrix_mult_gflops',
      help: 'Speed of the last matrix multiplication in 10^9 operations a second.',
      registers: [],
    }),
  );
  const backends = registry.add(
    new Counter({
      name: 'challenge_matrix_mult_backend_total',
      help: 'Matrix multiplications by what ran them.',
      labelNames: ['backend'],
      registers: [],
    }),
  );
  registry.addGauge(
    'fxn_compute_queued_jobs',
    'Matrix multiplications that wait.',
    () => sources.jobs().waiting,
  );
  registry.addGauge('fxn_compute_running_jobs', 'Matrix multiplications that run: 0 or 1.', () =>
    sources.jobs().isBusy ? 1 : 0,
  );
  registry.addGauge('fxn_compute_commitments', 'Commitments that can be opened now.', sources.commitments);
  registry.add(
    new Gauge({
      name: 'fxn_compute_engine_up',
      help: 'Whether an engine passed its self-test and may be used.',
      labelNames: ['engine', 'backend'],
      registers: [],
      collect() {
        this.reset();
        for (const { name, backend, isReady } of sources.engines()) {
          this.set({ engine: name, backend }, isReady ? 1 : 0);
        }
      },
    }),
  );
  let countedRestarts = 0;
  registry.add(
    new Counter({
      name: 'fxn_gpu_host_restarts_total',
      help: 'How often the process of the native engines ended unasked and was started again.',
      registers: [],
      collect() {
        const restarts = sources.hostRestarts();
        this.inc(restarts - countedRestarts);
        countedRestarts = restarts;
      },
    }),
  );

  return {
    countChallenge(type, outcome, durationS) {
      challenges.inc({ type, outcome });
      durations.observe({ type }, durationS);
      lastAt.setToCurrentTime();
    },
    recordMultiplication(run) {
      multiplications.observe(run.durationMs);
      size.set(run.size);
      gflops.set(run.gflops);
      backends.inc({ backend: run.backend });
    },
  };
}
