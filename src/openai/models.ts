/** `/v1/models` and `/v1/models/{id}`: what this node serves, in OpenAI's form. Runs on the fronts. */
import { NodeError } from '../errors/nodeError.js';
import type { Handler } from '../http/route.js';
import type { RoutedModel } from './routedModels.js';
import type { ServedModels } from './servedModels.js';

function modelObject(model: RoutedModel, created: number): object {
  return { id: model.name, object: 'model', created, owned_by: 'fxn', fxn_id: model.fxnId };
}

export function listModels(models: () => ServedModels): Handler {
  return (x) => {
    const { all, loadedAt } = models();
    x.respondJson(200, { object: 'list', data: all.map((model) => modelObject(model, loadedAt)) });
  };
}

/** Ids contain slashes, which callers send plain or as `%2F`. */
export function retrieveModel(models: () => ServedModels): Handler {
  return (x) => {
    const served = models();
    const model = served.find(decodeId(x.rest));
    if (model === undefined) throw new NodeError('model_not_found', { meta: { param: 'model' } });
    x.respondJson(200, modelObject(model, served.loadedAt));
  };
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // Not valid percent-encoding, so no model's name; looked up as it is.
    return id;
  }
}
