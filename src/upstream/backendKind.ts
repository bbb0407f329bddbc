/**
 * What tells the kinds of inference servers apart, and how each says that it is well. Most name themselves in
 * `owned_by` of their model list: vLLM and SGLang in the `ModelCard` of their OpenAI protocol, llama.cpp in
 * `server-context.cpp`, Ollama writes the namespace of the model (`library` for its own), TGI's router repeats the
 * model's id. Runs in main.
 */
import type { Backend } from '../config/modelBackends.js';
import { isRecord } from '../lib/unknownJson.js';

/** `custom` is whatever speaks the OpenAI protocol and does not name itself. */
export type BackendKind = Backend['backendProvider'];

export const modelListPath = '/v1/models';

/**
 * The cheapest endpoint that says whether a server of this kind can answer. Not SGLang's `/health`, which generates a
 * token unless the server was started with `SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION=false`. llama.cpp's answers 503
 * while the model loads, when its model list answers already.
 */
export const healthPaths: Readonly<Record<BackendKind, string>> = {
  vllm: '/health',
  sglang: modelListPath,
  ollama: '/api/tags',
  llamacpp: '/health',
  tgi: '/health',
  custom: modelListPath,
};

/** A question that only one kind answers in this way, for servers whose model list does not tell. */
export interface KindProbe {
  readonly kind: BackendKind;
  readonly path: string;
  readonly isAnswer: (json: Readonly<Record<string, unknown>>) => boolean;
}

const probes: readonly KindProbe[] = [
  { kind: 'ollama', path: '/api/version', isAnswer: ({ version }) => typeof version === 'string' },
  {
    kind: 'llamacpp',
    path: '/props',
    isAnswer: (json) => 'default_generation_settings' in json || 'total_slots' in json,
  },
  {
    kind: 'tgi',
    path: '/info',
    // Both also belong to Hugging Face's embeddings server, which the node treats alike.
    isAnswer: ({ model_id, max_concurrent_requests }) =>
      typeof model_id === 'string' && typeof max_concurrent_requests === 'number',
  },
  {
    kind: 'sglang',
    path: '/get_model_info',
    isAnswer: ({ model_path, is_generation }) =>
      typeof model_path === 'string' && typeof is_generation === 'boolean',
  },
  {
    kind: 'ollama',
    // Of servers that say no version; llama.cpp answers here too, with an OpenAI list beside.
    path: '/api/tags',
    isAnswer: ({ models, data }) => Array.isArray(models) && data === undefined,
  },
];

/** Many programs answer so: it may confirm what the operator says, and proves nothing else. */
const vllmProbe: KindProbe = {
  kind: 'vllm',
  path: '/version',
  isAnswer: ({ version }) => typeof version === 'string',
};

interface ListedModel {
  readonly id: string;
  readonly owner: unknown;
  readonly created: unknown;
}

/** Models of an OpenAI list or of Ollama's `/api/tags`; `undefined` when the JSON is neither. */
function modelsOf(json: unknown): readonly ListedModel[] | undefined {
  if (!isRecord(json)) return undefined;
  const entries = json['data'] === null ? [] : (json['data'] ?? json['models']);
  if (!Array.isArray(entries)) return undefined;
  return entries.filter(isRecord).flatMap(({ id, name, owned_by, created }) => {
    const said = id ?? name;
    return typeof said === 'string' ? [{ id: said, owner: owned_by, created }] : [];
  });
}

/** The names in a model list; `undefined` when it cannot be read. */
export function namesIn(json: unknown): readonly string[] | undefined {
  return modelsOf(json)?.map(({ id }) => id);
}

/** What a server's model list says of its kind; `undefined` when it leaves that open. */
export function kindInModelList(json: unknown): BackendKind | undefined {
  const models = modelsOf(json);
  if (models === undefined || models.length === 0) return undefined;
  const isOwner = (name: string): boolean => models.some(({ owner }) => owner === name);
  if (isOwner('vllm')) return 'vllm';
  if (isOwner('sglang')) return 'sglang';
  if (isOwner('llamacpp')) return 'llamacpp';
  if (isOwner('library')) return 'ollama';
  if (models.every(({ id, owner, created }) => owner === id && created === 0)) return 'tgi';
  // Ollama with other people's models only; it always says the tag.
  return models.every(({ id }) => id.includes(':')) ? undefined : 'custom';
}

/** The questions that are left, the expected kind's first. */
export function probesFor(expected: BackendKind): readonly KindProbe[] {
  const all = expected === 'vllm' ? [vllmProbe, ...probes] : probes;
  return [...all.filter(({ kind }) => kind === expected), ...all.filter(({ kind }) => kind !== expected)];
}

/**
 * Whether a server of this kind serves a model under this name; `undefined` when it does not say or does not care.
 * An empty list says something only where models are put in later, as in Ollama.
 */
export function isModelListed(
  kind: BackendKind | undefined,
  names: readonly string[] | undefined,
  model: string,
): boolean | undefined {
  if (names === undefined) return undefined;
  switch (kind) {
    case 'ollama':
      return names.includes(model) || names.includes(`${model}:latest`);
    case 'llamacpp':
    case 'tgi':
      // They answer with their one model whatever they are asked for.
      return names.length > 1 ? names.includes(model) : undefined;
    case 'vllm':
    case 'sglang':
    case 'custom':
    case undefined:
      return names.length === 0 ? undefined : names.includes(model);
  }
}
