/**
 * `model_backend.yaml`: which inference servers serve which models. The file has two forms, a list of models
 * and the Go node's flat file with one backend for everything; the node sees only the resolved form below,
 * frozen and made of plain data, so every front thread gets the same.
 */
import * as Type from 'typebox';
import { group, integer, list, special, text, word } from './leaves.js';

export interface Backend {
  /** Without a trailing slash and without `/v1`. */
  url: string;
  backendProvider: 'vllm' | 'sglang' | 'ollama' | 'llamacpp' | 'tgi' | 'custom';
  /** What the backend calls the model; null = as the caller asked (flat file without an alias). */
  model: string | null;
  /** Sent as `x-api-key`; empty = not sent. */
  apiKey: string;
  /** Sent as `Authorization: Bearer`; empty = not sent. */
  bearerToken: string;
  /** Fixed extra headers, names in lower case. */
  headers: Record<string, string>;
  weight: number;
  maxConcurrency: number;
}

export interface Model {
  name: string;
  aliases: readonly string[];
  fxnId: string;
  backends: readonly Backend[];
}

export interface ModelBackends {
  models: readonly Model[];
  /** Name of the model that serves unlisted models and requests without one; null = none. */
  default: string | null;
  /** When this configuration was loaded, Unix seconds. */
  loadedAt: number;
}

const printable = '[^\\u0000-\\u001f\\u007f]';
const modelName = 'a model name of 1 to 256 characters';
const modelNamePattern = `^${printable}{1,256}$`;

/** What a header may hold: no line break, which would start a header of its own, and no space at the ends. */
const headerPattern = '^(?:[\\u0021-\\u007e](?:[\\u0020-\\u007e]{0,8190}[\\u0021-\\u007e])?)?$';

const credential = () =>
  text('text of visible ASCII characters without line breaks or spaces at the ends', {
    fallback: '',
    pattern: headerPattern,
    secret: 'whole',
  });

const optionalModelName = () =>
  text(`${modelName}, or ""`, { fallback: '', pattern: `^${printable}{0,256}$` });

const url = () =>
  special('backendUrl', 'a URL that starts with http:// or https://, without credentials, query or fragment');

const provider = () =>
  word(['vllm', 'sglang', 'ollama', 'llamacpp', 'tgi', 'custom'], {
    fallback: 'custom',
    // The Go node also knows "fxn", which it treats like any other OpenAI-compatible server.
    synonyms: { fxn: 'custom', 'llama.cpp': 'llamacpp' },
  });

const backend = group({
  url: url(),
  backendProvider: provider(),
  model: optionalModelName(),
  apiKey: credential(),
  bearerToken: credential(),
  headers: Type.Record(
    Type.String(),
    text('a header value of visible ASCII characters without line breaks', {
      pattern: headerPattern,
      secret: 'whole',
    }),
    { description: 'a mapping of header names to values', default: {} },
  ),
  weight: integer(1, 1, 1000),
  maxConcurrency: integer(64, 1, 100_000),
});

const model = group({
  name: text(modelName, { pattern: modelNamePattern }),
  aliases: list(text(modelName, { pattern: modelNamePattern }), {
    description: 'a list of model names',
    fallback: [],
  }),
  fxnId: optionalModelName(),
  backends: list(backend, { description: 'a list of at least one backend', minItems: 1 }),
});

/** The file with a list of models. */
export const ModelListFile = group({
  models: list(model, { description: 'a list of at least one model', minItems: 1 }),
  default: optionalModelName(),
});
export type ModelListFile = Type.Static<typeof ModelListFile>;

/** The Go node's file: one backend that serves every model. */
export const FlatBackendFile = group({
  backendProvider: provider(),
  url: url(),
  fxnId: text('the id of the model on the network such as "2", which the flat form cannot do without', {
    pattern: modelNamePattern,
  }),
  apiKey: credential(),
  bearerToken: credential(),
  modelNameAlias: optionalModelName(),
});
export type FlatBackendFile = Type.Static<typeof FlatBackendFile>;
