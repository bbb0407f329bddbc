/** What may stand at a key of the configuration, in a few words for a table, from the schema alone. */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { type Leaf, leafOf } from '#src/config/leaves.js';
import { type Notation, printValue } from '#src/config/notation.js';

interface Range {
  readonly minimum?: number;
  readonly maximum?: number;
}

const inWords: Readonly<Record<Notation, (leaf: Leaf & Range, isWhole: boolean) => string>> = {
  text: () => 'text',
  word: (leaf) => (leaf.enum ?? []).map((word) => `\`${word}\``).join(', '),
  flag: () => '`true`, `false`',
  number: (leaf, isWhole) => `${isWhole ? 'whole number' : 'number'} ${range(leaf)}`,
  autoOrNumber: (leaf) => leaf.description.replaceAll('"', '`'),
  // Above zero goes without saying.
  duration: ({ minimum = 0 }) =>
    minimum === 1 ? 'duration' : `duration from ${printValue('duration', minimum)}`,
  size: ({ maximum }) => `size to ${printValue('size', maximum)}`,
  address: () => 'address',
  httpUrl: () => 'HTTP URL',
  backendUrl: () => 'HTTP URL',
  redisUrl: () => 'Redis URL',
  ip: () => 'IP address',
  host: () => 'host',
  hostRange: () => 'host, address or range',
  authority: () => 'host or host:port',
  path: () => 'path',
};

/** @throws RangeError for a schema that is neither a leaf, a list nor a mapping */
export function typeText(schema: TSchema): string {
  const leaf = leafOf(schema);
  if (leaf !== undefined) return inWords[leaf.notation](leaf, Type.IsInteger(schema));
  if (Type.IsArray(schema)) {
    if (Type.IsObject(schema.items)) return 'list of mappings';
    const item = typeText(schema.items);
    const { oneOrMany } = schema as { readonly oneOrMany?: boolean };
    return oneOrMany === true ? `${item}, or a list` : `list of: ${item}`;
  }
  if (Type.IsRecord(schema)) return 'mapping of names to texts';
  if (Type.IsObject(schema)) return 'mapping';
  throw new RangeError('a schema that no table can tell of');
}

/** Whether printing hides the value, or any part of it. */
export function isSecret(schema: TSchema): boolean {
  if (Type.IsArray(schema)) return isSecret(schema.items);
  if (Type.IsRecord(schema)) return Object.values(schema.patternProperties).some(isSecret);
  return leafOf(schema)?.secret !== undefined;
}

/** The default as the file would have it; `undefined` of a key that is required. */
export function defaultText(schema: TSchema): string | undefined {
  const { default: fallback } = schema as { readonly default?: unknown };
  if (fallback === undefined) return undefined;
  const leaf = leafOf(schema);
  return JSON.stringify(leaf === undefined ? fallback : printValue(leaf.notation, fallback));
}

function range({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Range): string {
  return maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `${minimum} to ${maximum}`;
}
