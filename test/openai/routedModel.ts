/** Models and backends as the fronts see them, for tests that care about a few of their properties. */
import type { Model, ModelBackends } from '#src/config/modelBackends.js';
import type { RoutedBackend, RoutedModel } from '#src/openai/routedModels.js';

export function routedBackend(properties: Partial<RoutedBackend> = {}): RoutedBackend {
  return {
    url: 'http://127.0.0.1:8000',
    backendProvider: 'custom',
    model: null,
    apiKey: '',
    bearerToken: '',
    headers: {},
    weight: 1,
    maxConcurrency: 64,
    slot: 0,
    label: '127.0.0.1:8000',
    identityHash: 1,
    ...properties,
  };
}

export function routedModel(properties: Partial<RoutedModel> = {}): RoutedModel {
  return { name: 'a/model', aliases: [], fxnId: '1', backends: [routedBackend()], lane: 0, ...properties };
}

/** A configuration: names of models, each with the URLs of its backends. */
export function modelBackends(urlsByModel: Readonly<Record<string, readonly string[]>>): ModelBackends {
  const models = Object.entries(urlsByModel).map(([name, urls]): Model => {
    const { slot: _, label: __, identityHash: ___, ...backend } = routedBackend();
    return { name, aliases: [], fxnId: '1', backends: urls.map((url) => ({ ...backend, url })) };
  });
  return { models, default: null, loadedAt: 1_750_000_000 };
}
