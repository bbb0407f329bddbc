/** Whether the node can serve, and what is in the way, with what the operator can do about it. Pure; runs in main. */
import type { Problem } from '../console/statusDocument.js';
import type { StoreStatus } from '../redis/watchStore.js';
import type { RegistryThreadStatus } from '../registry/registryThread.js';

export interface Readiness {
  readonly ready: boolean;
  /** What keeps the node from serving, in words for the operator. */
  readonly missing: readonly string[];
  /** State of each part, for people; added to the answer as it is. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface ReadinessFacts {
  /** `undefined` while the registry thread does not answer. */
  readonly registries: RegistryThreadStatus | undefined;
  /** null is what is not known: `up` before the first check, the rest where the backend does not tell. */
  readonly backends: readonly {
    readonly backend: string;
    readonly up: boolean | null;
    readonly kind: string | null;
    readonly modelListed: boolean | null;
  }[];
  /** `undefined` where none is configured. */
  readonly store: StoreStatus | undefined;
  /** Engines and telemetry; none of it keeps the node from serving. */
  readonly challenges: object;
  readonly servingFronts: number;
  readonly isDraining: boolean;
}

/** The node is ready when every registry is fresh, a backend answers and a front serves. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { registries, backends, store, challenges } = facts;
  const missing = blockingProblems(facts).map(({ subject, reason }) => `${subject}: ${reason}`);
  return {
    ready: missing.length === 0,
    missing,
    details: { backends, ...(store && { store }), ...registries, challenges },
  };
}

export function blockingProblems(facts: Omit<ReadinessFacts, 'challenges'>): Problem[] {
  const { registries, backends, store, servingFronts, isDraining } = facts;
  const problems: Problem[] = [];
  const report = (subject: string, reason: string, remedy: string): void => {
    problems.push({ severity: 'blocking', subject, reason, remedy });
  };
  if (isDraining) {
    report('node', 'it is shutting down', 'start it again once it has ended');
  }
  if (registries === undefined) {
    report(
      'registry thread',
      'does not answer',
      'wait some seconds; if it stays, the log says why it failed',
    );
  } else {
    for (const name of ['gateway', 'provider'] as const) {
      const { isFresh, lastError, ageMs } = registries[name];
      if (isFresh) continue;
      const age = ageMs === null ? 'not read yet' : `last read ${Math.round(ageMs / 1_000)} s ago`;
      const remedy =
        'check rpcProvider, chainId and registry.routerSmartContractAddress in config.yaml, and that the endpoints can be reached from here';
      report(`${name} registry`, lastError?.message ?? age, remedy);
    }
  }
  if (!backends.some(({ up }) => up)) {
    const remedy = 'start an inference server, or correct its url in model_backend.yaml and reload';
    report('backends', 'none answers', remedy);
  }
  if (store?.problem !== undefined) {
    report('store', store.problem, 'check nonceCache.redisUrl in config.yaml, and that the server runs');
  }
  if (servingFronts === 0) {
    report('fronts', 'none serves', 'wait some seconds; if it stays, the log says why they failed');
  }
  return problems;
}
