/**
 * The models with a slot for each backend: the column of the shared tables in which its requests are counted.
 * A backend that is the same before and after a reload keeps its slot; a removed one gives it back once its
 * last stream has ended. Main assigns, fronts read.
 */
import type { Backend, ModelBackends } from '../config/modelBackends.js';
import { NodeError } from '../errors/nodeError.js';

export interface RoutedBackend extends Backend {
  readonly slot: number;
  /** `host:port`: the metric label `backend`. */
  readonly label: string;
}

export interface RoutedModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fxnId: string;
  readonly backends: readonly RoutedBackend[];
}

/** Plain data: it crosses to the fronts. */
export interface RoutedModels {
  readonly models: readonly RoutedModel[];
  readonly default: string | null;
  readonly loadedAt: number;
}

export interface BackendSlots {
  /** @throws NodeError `config_invalid` when more backends are in use than there are slots */
  assign(backends: ModelBackends): RoutedModels;
}

/** @param isIdle whether no request of a slot is in flight any more */
export function createBackendSlots(slots: number, isIdle: (slot: number) => boolean): BackendSlots {
  let taken = new Map<string, number>();
  const leaving = new Set<number>();

  const freeSlot = (used: ReadonlySet<number>): number => {
    for (let slot = 0; slot < slots; slot++) {
      if (!used.has(slot) && !leaving.has(slot)) return slot;
    }
    throw new NodeError('config_invalid', { message: `at most ${slots} backends can be in use at once` });
  };

  return {
    assign({ models, default: defaultModel, loadedAt }) {
      for (const slot of leaving) if (isIdle(slot)) leaving.delete(slot);
      const kept = new Map<string, number>();
      const used = new Set(taken.values());
      const slotOf = (identity: string): number => {
        const slot = kept.get(identity) ?? taken.get(identity) ?? freeSlot(used);
        used.add(slot);
        kept.set(identity, slot);
        return slot;
      };
      const routed = models.map((model) => ({
        ...model,
        backends: model.backends.map((backend, index) => ({
          ...backend,
          slot: slotOf(JSON.stringify([model.name, index, backend.url, backend.model])),
          label: new URL(backend.url).host,
        })),
      }));
      for (const [identity, slot] of taken) if (!kept.has(identity)) leaving.add(slot);
      taken = kept;
      return { models: routed, default: defaultModel, loadedAt };
    },
  };
}
