/** The models of this node by every name that callers may use. Runs on the fronts; replaced whole on reload. */
import { NodeError } from '../errors/nodeError.js';
import type { RoutedModel, RoutedModels } from './routedModels.js';

export interface ServedModels {
  readonly all: readonly RoutedModel[];
  /** When this configuration was loaded, Unix seconds. */
  readonly loadedAt: number;
  /** The model of that name or alias. */
  find(name: string): RoutedModel | undefined;
  /**
   * The model that serves a request; `undefined` asks for the default.
   * @throws NodeError `model_not_found`, or `invalid_request` when no model was named and there is no default
   */
  resolve(name: string | undefined): RoutedModel;
}

export function createServedModels(routed: RoutedModels): ServedModels {
  const byName = new Map<string, RoutedModel>();
  for (const model of routed.models) {
    for (const name of [model.name, ...model.aliases]) byName.set(name, model);
  }
  const fallback = routed.default === null ? undefined : byName.get(routed.default);

  return {
    all: routed.models,
    loadedAt: routed.loadedAt,
    find: (name) => byName.get(name),
    resolve(name) {
      const model = (name === undefined ? undefined : byName.get(name)) ?? fallback;
      if (model !== undefined) return model;
      if (name === undefined) {
        const message = 'The request names no model.';
        throw new NodeError('invalid_request', { message, meta: { param: 'model' } });
      }
      throw new NodeError('model_not_found', { meta: { param: 'model', model: name.slice(0, 256) } });
    },
  };
}
