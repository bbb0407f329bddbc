/**
 * The leaves that the configuration schemas are built of. Each is a TypeBox schema of the resolved value whose
 * `description` completes "expected …", with three keywords of our own: `notation` (how the file writes it),
 * `secret` (what printing hides) and `mayBeEmpty` (`""` means "not set"). No `default` makes a key required.
 */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import type { AddressText } from '../lib/address.js';
import { parseByteSize } from '../lib/byteSize.js';
import { parseDuration } from '../lib/duration.js';
import type { Notation } from './notation.js';

/** `whole`: the value itself; `url`: all of a URL that may be a key. */
export type Secrecy = 'whole' | 'url';

/** The keywords of a leaf as the reader and the printer see them. */
export interface Leaf {
  readonly notation: Notation;
  readonly description: string;
  readonly default?: unknown;
  readonly mayBeEmpty?: boolean;
  readonly secret?: Secrecy;
  /** Other words that stand for one of the choices, in lower case. */
  readonly synonyms?: Readonly<Record<string, string>>;
  readonly enum?: readonly string[];
}

export function leafOf(schema: TSchema): Leaf | undefined {
  return 'notation' in schema ? (schema as unknown as Leaf) : undefined;
}

const optional = <T>(fallback: T | undefined): { default?: T } =>
  fallback === undefined ? {} : { default: fallback };

/** Timers of Node.js hold a signed 32-bit number of milliseconds; a longer one would fire at once. */
const maxDurationMs = 2_147_483_647;

export function duration(fallback: string, minimum: '0s' | '1ms' | '3s' = '1ms') {
  const least = minimum === '1ms' ? 'above 0s' : `from ${minimum}`;
  return Type.Number({
    notation: 'duration' satisfies Notation,
    description: `a duration such as "5s" or "1m30s", ${least} to 596h`,
    default: parseDuration(fallback)!,
    minimum: parseDuration(minimum)!,
    maximum: maxDurationMs,
  });
}

export function byteSize(fallback: string, largest: string) {
  return Type.Integer({
    notation: 'size' satisfies Notation,
    description: `a size such as "512kb" or "10mb", up to ${largest}`,
    default: parseByteSize(fallback)!,
    minimum: 1,
    maximum: parseByteSize(largest)!,
  });
}

export function integer(fallback: number, minimum: number, maximum: number) {
  return Type.Integer({
    notation: 'number' satisfies Notation,
    description: `a whole number from ${minimum} to ${maximum}`,
    default: fallback,
    minimum,
    maximum,
  });
}

export function amount(fallback: number, minimum: number, maximum: number) {
  return Type.Number({
    notation: 'number' satisfies Notation,
    description: `a number from ${minimum} to ${maximum}`,
    default: fallback,
    minimum,
    maximum,
  });
}

export function port(fallback: number) {
  return Type.Integer({
    notation: 'number' satisfies Notation,
    description: 'a port from 0 to 65535',
    default: fallback,
    minimum: 0,
    maximum: 65_535,
  });
}

/** A number of threads, or `auto` for what the machine has. */
export function threadCount() {
  return Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 1024 })], {
    notation: 'autoOrNumber' satisfies Notation,
    description: '"auto" or a whole number from 1 to 1024',
    default: 'auto',
  });
}

export function flag(fallback: boolean) {
  return Type.Boolean({
    notation: 'flag' satisfies Notation,
    description: 'true or false',
    default: fallback,
  });
}

/** One of some words, in any letter case. */
export function word<const Words extends string[]>(
  words: readonly [...Words],
  options: { readonly fallback?: Words[number]; readonly synonyms?: Readonly<Record<string, Words[number]>> },
) {
  return Type.Enum(words, {
    notation: 'word' satisfies Notation,
    description: `one of ${words.map((each) => `"${each}"`).join(', ')}`,
    synonyms: options.synonyms ?? {},
    ...optional(options.fallback),
  });
}

export function text(
  description: string,
  options: { readonly fallback?: string; readonly pattern: string; readonly secret?: Secrecy },
) {
  const { fallback, pattern, secret } = options;
  return Type.String({
    notation: 'text' satisfies Notation,
    description,
    pattern,
    ...optional(fallback),
    ...(secret === undefined ? {} : { secret }),
  });
}

const addressForm = {
  notation: 'address' satisfies Notation,
  type: 'string',
} as const;

/** Resolved to lower case with `0x`. */
export function address(fallback?: AddressText) {
  return Type.Unsafe<AddressText>({
    ...addressForm,
    description: 'an address of 40 hex digits such as "0x0a7A…ffc4", not the zero address',
    pattern: '^0x[0-9a-f]{40}$',
    ...optional(fallback),
  });
}

export function optionalAddress() {
  return Type.Unsafe<AddressText | ''>({
    ...addressForm,
    description: 'an address of 40 hex digits such as "0x0a7A…ffc4", not the zero address, or ""',
    pattern: '^(?:0x[0-9a-f]{40})?$',
    default: '',
    mayBeEmpty: true,
  });
}

/** Text in a notation that has a parser of its own. */
export function special(
  notation: Extract<
    Notation,
    'httpUrl' | 'backendUrl' | 'redisUrl' | 'ip' | 'host' | 'hostRange' | 'authority' | 'path'
  >,
  description: string,
  options: { readonly fallback?: string; readonly mayBeEmpty?: boolean; readonly secret?: Secrecy } = {},
) {
  const { fallback, mayBeEmpty = false, secret } = options;
  return Type.String({
    notation,
    description: mayBeEmpty ? `${description}, or ""` : description,
    mayBeEmpty,
    ...optional(fallback),
    ...(secret === undefined ? {} : { secret }),
  });
}

/** Zero or more; `oneOrMany` lets the file give a single value without a list. */
export function list<Item extends TSchema>(
  item: Item,
  options: {
    readonly fallback?: readonly unknown[];
    readonly minItems?: number;
    readonly oneOrMany?: boolean;
    readonly description: string;
  },
) {
  const { fallback, minItems = 0, oneOrMany = false, description } = options;
  return Type.Array(item, { description, minItems, maxItems: 10_000, oneOrMany, ...optional(fallback) });
}

/** A mapping with exactly these keys. */
export function group<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false, description: 'a mapping of keys to values' });
}
