/** Whether this node can serve, read from its parts as they are now. Runs in main. */
import type { Problem } from '../console/statusDocument.js';
import type { StoreWatch } from '../redis/watchStore.js';
import type { RegistryThreadStatus } from '../registry/registryThread.js';
import type { Drain } from './drain.js';
import { blockingProblems, type Readiness, type ReadinessFacts, readinessOf } from './readiness.js';
import type { Challenges } from './startChallenges.js';
import type { Fronts } from './startFronts.js';
import type { ModelsInForce } from './startModels.js';
import type { Registry } from './startRegistry.js';

export interface NodeReadinessOptions {
  readonly registry: Pick<Registry, 'status'>;
  readonly models: Pick<ModelsInForce, 'backends'>;
  /** `undefined` where none is configured. */
  readonly store: Pick<StoreWatch, 'status'> | undefined;
  readonly challenges: Pick<Challenges, 'details'>;
  readonly fronts: Pick<Fronts, 'serving'>;
  readonly drain: Pick<Drain, 'hasBegun'>;
}

export interface NodeReadiness {
  /** Asks the registry thread first. */
  now(): Promise<Readiness>;
  /** With what the registry thread has said; `undefined` = it did not answer. */
  withRegistries(registries: RegistryThreadStatus | undefined): Readiness;
  blocking(registries: RegistryThreadStatus | undefined): Problem[];
}

export function createNodeReadiness(options: NodeReadinessOptions): NodeReadiness {
  const { registry, models, store, challenges, fronts, drain } = options;
  const facts = (registries: RegistryThreadStatus | undefined): ReadinessFacts => ({
    registries,
    backends: models.backends().map(({ label, isUp, kind, isModelListed }) => ({
      backend: label,
      up: isUp,
      kind,
      modelListed: isModelListed,
    })),
    store: store?.status(),
    challenges: challenges.details(),
    servingFronts: fronts.serving,
    isDraining: drain.hasBegun,
  });
  return {
    now: async () => readinessOf(facts(await registry.status())),
    withRegistries: (registries) => readinessOf(facts(registries)),
    blocking: (registries) => blockingProblems(facts(registries)),
  };
}
