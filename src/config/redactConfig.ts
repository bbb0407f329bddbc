/**
 * The effective configuration for printing: durations and sizes as an operator writes them, secrets hidden. What
 * is a secret stands in the schema. An empty secret stays empty, so that "not set" can be seen.
 */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { Config } from './config.js';
import { leafOf } from './leaves.js';
import type { LoadedConfig } from './loadConfig.js';
import { ModelListFile } from './modelBackends.js';
import { printValue } from './notation.js';

export const redacted = '[redacted]';

export interface RedactedConfig {
  readonly config: unknown;
  /** In the form with a list of models, whichever the file has. */
  readonly modelBackends: unknown;
}

export function redactConfig(loaded: Pick<LoadedConfig, 'config' | 'modelBackends'>): RedactedConfig {
  const { models, default: fallback } = loaded.modelBackends;
  return {
    config: redact(Config, loaded.config),
    modelBackends: redact(ModelListFile, { models, default: fallback ?? '' }),
  };
}

function redact(schema: TSchema, value: unknown): unknown {
  const leaf = leafOf(schema);
  if (leaf !== undefined) {
    if (leaf.secret === undefined || typeof value !== 'string' || value === '') {
      return printValue(leaf.notation, value);
    }
    return leaf.secret === 'whole' ? redacted : redactUrl(value);
  }
  if (Type.IsArray(schema) && Array.isArray(value)) return value.map((item) => redact(schema.items, item));
  if (typeof value === 'object' && value !== null) {
    const schemaOf = (key: string): TSchema | undefined =>
      Type.IsRecord(schema)
        ? Object.values(schema.patternProperties)[0]
        : Type.IsObject(schema)
          ? schema.properties[key]
          : undefined;
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => {
        const childSchema = schemaOf(key);
        // Unknown to the schema means unknown whether it is secret.
        return [key, childSchema === undefined ? redacted : redact(childSchema, child)];
      }),
    );
  }
  return redacted;
}

/** The segments of a path that name a version or a protocol and never a key. */
const plainSegment = /^(?:v\d+|rpc)$/;

/**
 * A URL without what opens doors: credentials, the query, the fragment, and every path segment that could be a
 * key. Hosts stay, because "which provider" is what an operator looks for.
 */
export function redactUrl(text: string): string {
  if (!URL.canParse(text)) return redacted;
  const url = new URL(text);
  const credentials = url.username === '' && url.password === '' ? '' : `${redacted}@`;
  const path = url.pathname
    .split('/')
    .map((segment) => (segment === '' || plainSegment.test(segment) ? segment : redacted))
    .join('/');
  const search = url.search === '' ? '' : `?${redacted}`;
  const hash = url.hash === '' ? '' : `#${redacted}`;
  const safe = `${url.protocol}//${credentials}${url.host}${path}${search}${hash}`;
  // Nothing to hide: as the operator wrote it.
  return safe.includes(redacted) ? safe : text;
}
