/**
 * The models in force: their places in shared memory, the watch over their backends, and what main can read of both at
 * once. Runs in main.
 */
import type { LoadedConfig } from '../config/loadConfig.js';
import type { ModelBackends } from '../config/modelBackends.js';
import type { BackendStatus, ModelStatus } from '../console/statusDocument.js';
import type { Logger } from '../logger/logger.js';
import { watchBackends } from '../openai/backendWatch.js';
import { createRouting, type RoutedModels } from '../openai/routedModels.js';
import { backendColumn, maxBackendSlots } from '../shm/inFlightTable.js';
import { maxLanes } from '../shm/waitingLines.js';
import type { SharedTables } from './sharedTables.js';

export interface ModelsOptions {
  /** As at the start. */
  readonly loaded: Pick<LoadedConfig, 'config' | 'modelBackends'>;
  readonly tables: Pick<SharedTables, 'inFlight' | 'lines' | 'breakers' | 'health'>;
  readonly log: Logger;
}

export interface ModelsInForce {
  readonly routed: RoutedModels;
  /**
   * Puts others in force; their backends are checked at once.
   * @throws NodeError `config_invalid` when more backends or models are in use than there are places; then those
   * before stay
   */
  use(modelBackends: ModelBackends): void;
  models(): readonly Omit<ModelStatus, 'maxQueued'>[];
  /** Of one model after the other. */
  backends(): readonly BackendStatus[];
  /** Requests that wait for a backend, over all models. */
  queued(): number;
  close(): void;
}

export function startModels({ loaded, tables, log }: ModelsOptions): ModelsInForce {
  const { inFlight, lines, breakers, health } = tables;
  const routing = createRouting({
    slots: maxBackendSlots,
    lanes: maxLanes,
    isSlotIdle: (slot) => inFlight.total(backendColumn(slot)) === 0,
    isLaneIdle: (lane) => lines.length(lane) === 0,
    // What the one before it in this slot was accused of is not its fault.
    onNewSlot: (slot) => breakers.close(slot),
  });
  let routed = routing.assign(loaded.modelBackends);
  const watch = watchBackends({ intervalMs: loaded.config.proxy.healthInterval, health, log });
  watch.watch(routed);

  return {
    get routed() {
      return routed;
    },
    use(fresh) {
      routed = routing.assign(fresh);
      watch.watch(routed);
    },
    models: () =>
      routed.models.map(({ name, aliases, lane }) => ({
        name,
        aliases,
        isDefault: name === routed.default,
        queued: lines.length(lane),
      })),
    backends: () =>
      routed.models.flatMap(({ name, backends }) =>
        backends.map((backend) => {
          const { isUp, kind, isModelListed } = watch.reportOf(backend);
          return {
            label: backend.label,
            model: name,
            upstreamModel: backend.model,
            provider: backend.backendProvider,
            kind: kind ?? null,
            isUp: isUp ?? null,
            isModelListed: isModelListed ?? null,
            breaker: breakers.state(backend.slot),
            inFlight: inFlight.total(backendColumn(backend.slot)),
            maxConcurrency: backend.maxConcurrency,
            weight: backend.weight,
          };
        }),
      ),
    queued: () => routed.models.reduce((sum, { lane }) => sum + lines.length(lane), 0),
    close: () => watch.close(),
  };
}
