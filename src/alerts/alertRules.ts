/**
 * The alerts that the node sends by itself, one rule each: what must be true, for how long until somebody is told, and
 * what to do about it. A rule finds subjects (a backend, a GPU), each of which begins and ends by itself. The rules of
 * config/prometheus know more, because they see rates; these need nothing but the node. Runs in main.
 */

export type AlertSeverity = 'critical' | 'warning';

/** What main knows of the node at one moment; `undefined` is what it cannot tell. */
export interface AlertFacts {
  readonly isDraining: boolean;
  /** What `/ready` misses, in words. */
  readonly missing: readonly string[];
  readonly registries: readonly RegistryFacts[] | undefined;
  /** `undefined` also where the operator does not want to be told. */
  readonly registration: 'active' | 'paused' | 'absent' | 'unknown' | undefined;
  readonly backends: readonly { readonly backend: string; readonly isUp: boolean | undefined }[];
  readonly queues: readonly {
    readonly model: string;
    readonly waiting: number;
    readonly maxWaiting: number;
  }[];
  readonly challenges: { readonly failedInARow: number; readonly lastFailure: string | undefined };
  readonly gpus: readonly { readonly name: string; readonly temperatureC: number | null }[];
  /** The most GPUs that were seen at once since the start. */
  readonly mostGpus: number;
}

export interface RegistryFacts {
  readonly name: string;
  readonly isFresh: boolean;
  readonly ageMs: number | null;
  /** How long ago the block of the last read was made, as this machine's clock has it. */
  readonly blockAgeMs: number | null;
  /** Why the last read failed. */
  readonly problem: string | undefined;
}

export interface Finding {
  /** Which of several; `''` for what there is only one of. */
  readonly subject: string;
  readonly detail: string;
}

export interface AlertRule {
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly title: string;
  readonly remedy: string;
  /** How long it must be so until it is told, and how long it must not be so until that is told. */
  readonly holdMs: number;
  readonly clearMs: number;
  /** `undefined` when the facts do not say: then nothing begins and nothing ends. */
  find(facts: AlertFacts): readonly Finding[] | undefined;
}

/** One failed challenge may be the scheduler's own haste. */
const failuresInARow = 3;
/** Data-centre GPUs slow down at about this temperature, and stop a few degrees above. */
const hotC = 90;
/** A block cannot be from the future: by more than this the clock is behind. */
const clockBehindMs = 5_000;
/** Blocks of fast chains are seconds old when they are read, with some confirmations half a minute. */
const clockAheadMs = 90_000;

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

export const alertRules: readonly AlertRule[] = [
  {
    name: 'not_ready',
    severity: 'critical',
    title: 'the node cannot serve',
    remedy: 'Ask /ready on the admin port; each reason names the part that is missing.',
    holdMs: 15_000,
    clearMs: 10_000,
    find({ isDraining, missing }) {
      if (isDraining) return undefined;
      return missing.length === 0 ? [] : [{ subject: '', detail: missing.join('; ') }];
    },
  },
  {
    name: 'registry_stale',
    severity: 'critical',
    title: 'a registry is stale and authorises nobody',
    remedy: 'Check rpcProvider: add an endpoint, or mend the one that is there.',
    holdMs: 15_000,
    clearMs: 10_000,
    find: ({ registries }) =>
      registries
        ?.filter(({ isFresh }) => !isFresh)
        .map(({ name, problem, ageMs }) => ({
          subject: name,
          detail: problem ?? (ageMs === null ? 'never read' : `last read ${seconds(ageMs)} ago`),
        })),
  },
  {
    name: 'not_registered',
    severity: 'critical',
    title: 'this provider is not active on chain',
    remedy: 'Register the owner on the provider registry, or unpause it; registry.owner names another owner.',
    holdMs: 60_000,
    clearMs: 0,
    find({ registration }) {
      if (registration === undefined || registration === 'unknown') return undefined;
      return registration === 'active'
        ? []
        : [{ subject: '', detail: `its registration is ${registration}` }];
    },
  },
  {
    name: 'backend_down',
    severity: 'warning',
    title: 'a backend does not answer',
    remedy:
      'Look at the inference server and its log; the node goes on with the other backends of the model.',
    holdMs: 10_000,
    clearMs: 10_000,
    find: ({ backends }) =>
      backends
        .filter(({ isUp }) => isUp === false)
        .map(({ backend }) => ({ subject: backend, detail: 'it failed its health check' })),
  },
  {
    name: 'queue_full',
    severity: 'warning',
    title: 'the line of a model is full, so callers are refused',
    remedy: 'Add a backend for the model, or raise its maxConcurrency if the server can take more.',
    holdMs: 4_000,
    clearMs: 60_000,
    find: ({ queues }) =>
      queues
        .filter(({ waiting, maxWaiting }) => maxWaiting > 0 && waiting >= maxWaiting)
        .map(({ model, waiting }) => ({ subject: model, detail: `${waiting} requests wait` })),
  },
  {
    name: 'challenges_failing',
    severity: 'critical',
    title: 'challenges fail by a fault of this node',
    remedy: 'Look for "challenge failed" in the log, then run "fxn gpu info" on the machine.',
    holdMs: 0,
    clearMs: 0,
    find: ({ challenges: { failedInARow, lastFailure } }) =>
      failedInARow < failuresInARow
        ? []
        : [{ subject: '', detail: `${failedInARow} in a row, the last one with ${lastFailure}` }],
  },
  {
    name: 'gpu_lost',
    severity: 'critical',
    title: 'fewer GPUs than there were',
    remedy:
      'Look at dmesg for XID errors and at "fxn gpu info"; often only a reset of the GPU or a reboot helps.',
    holdMs: 30_000,
    clearMs: 10_000,
    find: ({ gpus, mostGpus }) =>
      gpus.length >= mostGpus
        ? []
        : [{ subject: '', detail: `${gpus.length} of ${mostGpus} GPUs can be sampled` }],
  },
  {
    name: 'gpu_hot',
    severity: 'warning',
    title: 'a GPU is hot and slows down',
    remedy: 'Look at fans, air flow and the power limit.',
    holdMs: 60_000,
    clearMs: 60_000,
    find: ({ gpus }) =>
      gpus.flatMap(({ name, temperatureC }) =>
        temperatureC === null || temperatureC < hotC ? [] : [{ subject: name, detail: `${temperatureC} °C` }],
      ),
  },
  {
    name: 'clock_off',
    severity: 'warning',
    title: "this machine's clock and the chain's disagree",
    remedy:
      'Switch time synchronisation on (chrony, systemd-timesyncd). If the clock is right, the chain or its RPC is late.',
    holdMs: 60_000,
    clearMs: 60_000,
    find: ({ registries }) => clockFindings(registries),
  },
];

/** Goes by the registry that was read last; how old the read is does not matter, only how old its block was then. */
function clockFindings(registries: readonly RegistryFacts[] | undefined): readonly Finding[] | undefined {
  const offsets = registries?.flatMap(({ isFresh, ageMs, blockAgeMs }) =>
    isFresh && ageMs !== null && blockAgeMs !== null ? [blockAgeMs - ageMs] : [],
  );
  if (offsets === undefined || offsets.length === 0) return undefined;
  const offsetMs = Math.min(...offsets);
  if (offsetMs < -clockBehindMs) {
    return [{ subject: '', detail: `the newest block is ${seconds(-offsetMs)} in the future` }];
  }
  if (offsetMs > clockAheadMs) {
    return [{ subject: '', detail: `the newest block was ${seconds(offsetMs)} old when it was read` }];
  }
  return [];
}
