/**
 * The reference of both configuration files: keys, types and defaults from the schemas, meanings from the comments of
 * the files that a first start writes.
 */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { Config } from '#src/config/config.js';
import { configTemplate } from '#src/config/configTemplate.js';
import { FlatBackendFile, ModelListFile } from '#src/config/modelBackends.js';
import { modelBackendTemplate } from '#src/config/modelBackendTemplate.js';
import { reloadedSections } from '#src/node/settingsInForce.js';
import { table } from './table.js';
import { templateComments } from './templateComments.js';
import { defaultText, isSecret, typeText } from './typeText.js';

interface Key {
  readonly path: string;
  readonly schema: TSchema;
}

/** Every key below a schema, groups before what they hold. */
function keysOf(schema: TSchema, prefix = ''): Key[] {
  if (Type.IsArray(schema)) return keysOf(schema.items, `${prefix}[]`);
  if (!Type.IsObject(schema)) return [];
  return Object.entries(schema.properties).flatMap(([name, child]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    return [{ path, schema: child }, ...keysOf(child, path)];
  });
}

type Row = readonly [key: string, type: string, fallback: string, meaning: string];

/**
 * The rows of a file in the order of its template. A group has one only where the template says something of it.
 * @throws RangeError that names the keys of which the template says nothing
 */
export function keyRows(
  schema: TSchema,
  comments: ReadonlyMap<string, string>,
  isReloaded: (path: string) => boolean = () => false,
): Row[] {
  const keys = keysOf(schema);
  const mute = keys.filter((key) => !comments.has(key.path) && !Type.IsObject(key.schema));
  if (mute.length > 0) {
    const names = mute.map(({ path }) => path).join(', ');
    throw new RangeError(`write a comment above each of these keys in its template: ${names}`);
  }
  const order = [...comments.keys()];
  return keys
    .filter(({ path }) => comments.has(path))
    .toSorted((a, b) => order.indexOf(a.path) - order.indexOf(b.path))
    .map((key) => row(key, withCode(comments.get(key.path)!), isReloaded(key.path)));
}

/** What stands in quotation marks is what the file may hold. */
const withCode = (comment: string): string => comment.replaceAll(/"[^"`]*"/g, '`$&`');

function row({ path, schema }: Key, meaning: string, isReloaded: boolean): Row {
  if (Type.IsObject(schema)) return [`\`${path}\``, '', '', meaning];
  const marks = [isSecret(schema) ? '**secret**' : '', isReloaded ? '**reload**' : ''];
  const type = [typeText(schema), ...marks.filter((mark) => mark !== '')].join('; ');
  const fallback = defaultText(schema);
  return [`\`${path}\``, type, fallback === undefined ? '**required**' : `\`${fallback}\``, meaning];
}

/** What the flat file's keys mean: the same as in the list of models, or what stands behind them in the template. */
function flatComments(listed: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const { path } of keysOf(FlatBackendFile)) {
    const same = [`models[].backends[].${path}`, `models[].${path}`].find((other) => listed.has(other));
    const behind = new RegExp(`^# ${path}: .*? # (.*)$`, 'm').exec(modelBackendTemplate)?.[1];
    const meaning = behind ?? (same === undefined ? undefined : `as \`${same}\``);
    if (meaning !== undefined) comments.set(path, meaning);
  }
  return comments;
}

const head: Row = ['key', 'type', 'default', 'meaning'];

export function configurationTables(): string {
  const isReloaded = (path: string): boolean =>
    reloadedSections.some((section) => path.startsWith(`${section}.`));
  const listed = templateComments(modelBackendTemplate);
  const flat = keyRows(FlatBackendFile, flatComments(listed));
  return [
    folded('Every key of <code>config.yaml</code>', [
      table(head, keyRows(Config, templateComments(configTemplate), isReloaded)),
    ]),
    folded('Every key of <code>model_backend.yaml</code>', [
      table(head, keyRows(ModelListFile, listed)),
      'In the flat form of the Go node, instead of all these:',
      table(head, flat),
    ]),
  ].join('\n\n');
}

/** Long, and looked up rather than read. */
const folded = (title: string, parts: readonly string[]): string =>
  [`<details><summary>${title}</summary>`, ...parts, '</details>'].join('\n\n');
