/** Which backend of a model gets the next request. Runs on the fronts. */

import type { BackendHealth } from '../shm/backendHealth.js';
import { backendColumn, type InFlightTable } from '../shm/inFlightTable.js';
import type { RoutedBackend, RoutedModel } from './routedModels.js';

/**
 * Where the search begins, per model: it moves on with every request, so that equals take turns. One counter
 * for all models would fall into step with callers that alternate between two models.
 */
const turns = new WeakMap<RoutedModel, number>();

/**
 * The least loaded by weight, counted over all fronts. Backends that failed their last health check are asked
 * only when every one has: a check may be wrong, and an error of the backend says more than ours.
 */
export function selectBackend(
  model: RoutedModel,
  inFlight: InFlightTable,
  health: BackendHealth,
): RoutedBackend {
  const { backends } = model;
  let best: RoutedBackend | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  let bestIsHealthy = false;
  const turn = ((turns.get(model) ?? -1) + 1) % backends.length;
  turns.set(model, turn);
  for (let i = 0; i < backends.length; i++) {
    const backend = backends[(turn + i) % backends.length]!;
    const isHealthy = health.isHealthy(backend.slot);
    if (bestIsHealthy && !isHealthy) continue;
    const load = (inFlight.total(backendColumn(backend.slot)) + 1) / backend.weight;
    if (load < bestLoad || (isHealthy && !bestIsHealthy)) {
      best = backend;
      bestLoad = load;
      bestIsHealthy = isHealthy;
    }
  }
  // The configuration refuses a model without backends.
  return best!;
}
