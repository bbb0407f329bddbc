/**
 * Reads a YAML document along a schema: substitutes the environment, reads every leaf in its notation, fills in
 * defaults, and notes each deviation with its place instead of stopping at the first. What it returns has the
 * schema's shape; a leaf that could not be read holds its default and is marked as failed, so that rules
 * between keys do not complain about it a second time.
 */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { Check } from 'typebox/value';
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { nearestName } from '../lib/nearestName.js';
import { type ConfigProblem, type Place, problemText, startOfFile } from './configError.js';
import { keyPaths, suggestKey } from './knownKeys.js';
import { type Leaf, leafOf } from './leaves.js';
import { readers, type ScalarText } from './notation.js';
import { type Environment, substituteEnv } from './substituteEnv.js';
import type { YamlFile } from './yamlFile.js';
import { kindOf, scalarText, shown, toScalarText } from './yamlScalar.js';

/** An alias repeats a whole subtree; more of them than any hand-written file has is a bomb. */
const maxAliases = 100;
/** Looking for what was meant compares with every known key; a file of junk has no such thing. */
const maxSuggestions = 100;

export interface TreeReaderOptions {
  readonly file: YamlFile;
  readonly schema: TSchema;
  readonly env: Environment;
  readonly home: string;
}

interface Entry {
  readonly value: unknown;
  readonly failed: boolean;
  readonly given: boolean;
}

/** What the file has for a schema, aliases followed; no node when the key is missing or empty. */
interface Found {
  readonly node: Node | undefined;
  /** Of the key; of the level above when the key is missing. */
  readonly place: Place;
  /** Of the value; of the key when there is none. */
  readonly valuePlace: Place;
}

const byPlace = (a: Place, b: Place): number => a.line - b.line || a.column - b.column;

export class TreeReader {
  /** The document in resolved form; has the schema's type only when there are no problems. */
  readonly value: unknown;
  readonly #problems: ConfigProblem[] = [];
  readonly #warnings: ConfigProblem[] = [];
  readonly #entries = new Map<string, Entry>();
  readonly #places = new Map<string, Place>();
  readonly #options: TreeReaderOptions;
  readonly #known: readonly string[];
  #aliases = 0;

  constructor(options: TreeReaderOptions) {
    this.#options = options;
    this.#known = keyPaths(options.schema);
    const { file, schema } = options;
    const root = this.#follow(file.document.contents ?? undefined);
    this.value = this.#read(schema, { node: root, place: startOfFile, valuePlace: startOfFile }, '');
  }

  /** In the order of the file. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems.toSorted(byPlace);
  }

  /** What works but will hurt, each with its place, in the order of the file. */
  get warnings(): readonly string[] {
    return this.#warnings.toSorted(byPlace).map(problemText);
  }

  /** The resolved value at a path; `undefined` when it could not be read or the path does not exist. */
  at(path: string): unknown {
    const entry = this.#entries.get(path);
    return entry?.failed === false ? entry.value : undefined;
  }

  /** Whether the file gives a value, rather than leaving it to the default. */
  isGiven(path: string): boolean {
    return this.#entries.get(path)?.given === true;
  }

  /** Where a path of the schema stands, or the nearest level above it that the file has. */
  placeOf(path: string): Place {
    return this.#places.get(path) ?? startOfFile;
  }

  /** Adds a problem found by a rule between keys. */
  report(path: string, message: string, suggestion?: string): void {
    this.#fault(this.placeOf(path), path, message, suggestion);
  }

  /** Adds something that stops nothing. */
  warn(path: string, message: string): void {
    const { line, column } = this.placeOf(path);
    this.#warnings.push({ file: this.#options.file.path, line, column, path, message });
  }

  #fault(place: Place, path: string, message: string, suggestion?: string): void {
    const { line, column } = place;
    const problem = { file: this.#options.file.path, line, column, path, message };
    this.#problems.push(suggestion === undefined ? problem : { ...problem, suggestion });
  }

  #read(schema: TSchema, found: Found, path: string): unknown {
    const leaf = leafOf(schema);
    this.#places.set(path, leaf === undefined ? found.place : found.valuePlace);
    if (leaf !== undefined) return this.#readLeaf(schema, leaf, found, path);
    if (Type.IsRecord(schema)) return this.#readRecord(schema, found, path);
    if (Type.IsObject(schema)) return this.#readGroup(schema.properties, found, path);
    if (Type.IsArray(schema)) return this.#readList(schema, found, path);
    throw new TypeError(`a schema of a kind that configuration files do not have, at ${path}`);
  }

  #readGroup(properties: Record<string, TSchema>, found: Found, path: string): unknown {
    const pairs = this.#pairs(found, path);
    const children = Object.entries(properties).map(([key, schema]): [string, unknown] => {
      const childPath = path === '' ? key : `${path}.${key}`;
      const missing: Found = { node: undefined, place: found.place, valuePlace: found.place };
      return [key, this.#read(schema, pairs.get(key) ?? missing, childPath)];
    });
    for (const [key, { place }] of pairs) {
      if (Object.hasOwn(properties, key)) continue;
      const childPath = path === '' ? shown(key) : `${path}.${shown(key)}`;
      const suggestion =
        this.#problems.length < maxSuggestions ? suggestKey(path, key, this.#known) : undefined;
      this.#fault(place, childPath, 'expected a known key, found one that is not known', suggestion);
    }
    const value = Object.fromEntries(children);
    this.#entries.set(path, { value, failed: false, given: found.node !== undefined });
    return value;
  }

  #readRecord(schema: Type.TRecord, found: Found, path: string): unknown {
    const valueSchema = Object.values(schema.patternProperties)[0]!;
    const children = [...this.#pairs(found, path)].map(([key, child]): [string, unknown] => [
      key,
      this.#read(valueSchema, child, `${path}.${key}`),
    ]);
    const value = Object.fromEntries(children);
    this.#entries.set(path, { value, failed: false, given: found.node !== undefined });
    return value;
  }

  /** The entries of a mapping by key, each with the place of its key; a missing or empty value has no node. */
  #pairs(found: Found, path: string): Map<string, Found> {
    const pairs = new Map<string, Found>();
    if (found.node === undefined) return pairs;
    if (!isMap(found.node)) {
      this.#fault(
        found.valuePlace,
        path,
        `expected a mapping of keys to values, found ${kindOf(found.node)}`,
      );
      return pairs;
    }
    for (const pair of found.node.items as readonly Pair<Node, Node | null>[]) {
      const keyNode = this.#follow(pair.key);
      const place = this.#placeOfNode(pair.key) ?? found.place;
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.#fault(place, path, 'expected a word as key, found something else');
        continue;
      }
      const key = scalarText(keyNode);
      if (pairs.has(key)) {
        const childPath = path === '' ? shown(key) : `${path}.${shown(key)}`;
        this.#fault(place, childPath, 'expected every key once, found it for the second time');
        continue;
      }
      const valuePlace = this.#placeOfNode(pair.value ?? undefined) ?? place;
      pairs.set(key, { node: this.#follow(pair.value ?? undefined), place, valuePlace });
    }
    return pairs;
  }

  #readList(schema: Type.TArray, found: Found, path: string): unknown {
    const options = schema as Type.TArray & {
      readonly description: string;
      readonly minItems: number;
      readonly maxItems: number;
      readonly oneOrMany: boolean;
      readonly default?: readonly unknown[];
    };
    const fallback = options.default === undefined ? [] : [...options.default];
    if (found.node === undefined) {
      if (options.default === undefined) this.#missing(found.place, path, options.description);
      this.#entries.set(path, { value: fallback, failed: options.default === undefined, given: false });
      return fallback;
    }
    const items = isSeq(found.node) ? (found.node.items as readonly (Node | null)[]) : undefined;
    const single = items === undefined && options.oneOrMany && isScalar(found.node);
    const count = single ? 1 : (items?.length ?? -1);
    if (count < options.minItems || count > options.maxItems) {
      const what =
        items === undefined ? kindOf(found.node) : count === 0 ? 'an empty list' : `${count} of them`;
      this.#fault(found.valuePlace, path, `expected ${options.description}, found ${what}`);
      this.#entries.set(path, { value: fallback, failed: true, given: true });
      return fallback;
    }
    const value = single
      ? [this.#read(schema.items, found, path)]
      : items!.map((item, index) => {
          const place = this.#placeOfNode(item ?? undefined) ?? found.place;
          const entry: Found = { node: this.#follow(item ?? undefined), place, valuePlace: place };
          return this.#readItem(schema.items, entry, `${path}[${index}]`);
        });
    this.#entries.set(path, { value, failed: false, given: true });
    return value;
  }

  /** An empty item is not "use the default", it is a dash that somebody forgot to complete. */
  #readItem(schema: TSchema, found: Found, path: string): unknown {
    if (found.node !== undefined) return this.#read(schema, found, path);
    this.#places.set(path, found.place);
    this.#fault(found.place, path, 'expected a value, found nothing');
    this.#entries.set(path, { value: undefined, failed: true, given: true });
    return undefined;
  }

  #readLeaf(schema: TSchema, leaf: Leaf, found: Found, path: string): unknown {
    const { home } = this.#options;
    const synonyms = leaf.synonyms ?? {};
    const fallback =
      leaf.notation === 'path' && typeof leaf.default === 'string' && leaf.default !== ''
        ? readers.path({ text: leaf.default, kind: 'text' }, { home, synonyms })
        : leaf.default;
    const settle = (value: unknown, failed: boolean): unknown => {
      this.#entries.set(path, { value, failed, given: found.node !== undefined });
      return value;
    };

    if (found.node === undefined) {
      if (leaf.default !== undefined) return settle(fallback, false);
      this.#missing(found.place, path, leaf.description);
      return settle(undefined, true);
    }
    if (!isScalar(found.node)) {
      this.#fault(found.valuePlace, path, `expected ${leaf.description}, found ${kindOf(found.node)}`);
      return settle(fallback, true);
    }

    const written = toScalarText(found.node);
    const substituted = substituteEnv(written.text, this.#options.env);
    for (const fault of substituted.faults) this.#fault(found.valuePlace, path, fault);
    if (substituted.faults.length > 0) return settle(fallback, true);

    const unquoted = found.node.type === 'PLAIN' || found.node.type === undefined;
    const kind = substituted.replaced && unquoted ? 'plain' : written.kind;
    const scalar: ScalarText = { text: substituted.text, kind };
    const read = (candidate: ScalarText): unknown => {
      if (leaf.mayBeEmpty === true && candidate.text === '') return '';
      const value = readers[leaf.notation](candidate, { home, synonyms });
      return value !== undefined && Check(schema, value) ? value : undefined;
    };
    const value = read(scalar);
    if (value !== undefined) return settle(value, false);

    const quoted = kind === 'text' && read({ ...scalar, kind: 'plain' }) !== undefined;
    const what = this.#whatWasFound(leaf, written, substituted.replaced);
    this.#fault(
      found.valuePlace,
      path,
      `expected ${leaf.description}, found ${what}${quoted ? ' in quotes; remove them' : ''}`,
      leaf.enum === undefined || leaf.secret !== undefined
        ? undefined
        : nearestName(scalar.text, [...leaf.enum, ...Object.keys(synonyms)]),
    );
    return settle(fallback, true);
  }

  /** Never a secret: not the text of a secret leaf, not a value of the environment, no URL with more than a host. */
  #whatWasFound(leaf: Leaf, written: ScalarText, replaced: boolean): string {
    if (leaf.secret !== undefined) return 'another text (not shown, it may be secret)';
    const isUrl = leaf.notation === 'httpUrl' || leaf.notation === 'backendUrl';
    if (isUrl && /[@?#]/.test(written.text)) return 'another text (not shown, it may hold credentials)';
    const text =
      written.kind === 'text' ? `the text ${JSON.stringify(shown(written.text))}` : shown(written.text);
    return replaced ? `what ${text} stands for` : text;
  }

  #missing(place: Place, path: string, description: string): void {
    this.#fault(place, path, `expected ${description}, found no such key`);
  }

  /** The node an alias stands for; an empty value (`null`) is the same as none. */
  #follow(node: Node | undefined): Node | undefined {
    let target: Node | undefined = node;
    if (isAlias(node)) {
      this.#aliases += 1;
      const place = this.#placeOfNode(node) ?? startOfFile;
      if (this.#aliases > maxAliases) {
        if (this.#aliases === maxAliases + 1) {
          this.#fault(place, '', `expected at most ${maxAliases} aliases, found more`);
        }
        return undefined;
      }
      target = node.resolve(this.#options.file.document);
      if (target === undefined) this.#fault(place, '', 'expected an alias of an anchor above it, found none');
    }
    return isScalar(target) && target.value === null ? undefined : target;
  }

  #placeOfNode(node: Node | undefined): Place | undefined {
    const offset = node?.range?.[0];
    return offset === undefined ? undefined : this.#options.file.placeAt(offset);
  }
}
