/** Every key path of a schema, and which of them an unknown key was probably meant to be. */
import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { nameDistance } from '../lib/nearestName.js';

/** Paths such as `node.listenPort` and `models[].backends[].url`, groups included. */
export function keyPaths(schema: TSchema, prefix = ''): readonly string[] {
  if (Type.IsArray(schema)) return keyPaths(schema.items, `${prefix}[]`);
  if (!Type.IsObject(schema)) return [];
  return Object.entries(schema.properties).flatMap(([key, child]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...keyPaths(child, path)];
  });
}

const split = (path: string): { readonly parent: string; readonly key: string } => {
  const dot = path.lastIndexOf('.');
  return { parent: path.slice(0, Math.max(0, dot)), key: path.slice(dot + 1) };
};

/**
 * The known key nearest to `key` below `parent` (a path with indices). The same name elsewhere beats a similar
 * one here, a similar one here beats a similar one elsewhere, and among equals the one fewer levels away wins.
 */
export function suggestKey(parent: string, key: string, known: readonly string[]): string | undefined {
  const pattern = parent.replaceAll(/\[\d+\]/g, '[]');
  let best: string | undefined;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const path of known) {
    const candidate = split(path);
    const distance = nameDistance(key, candidate.key);
    if (distance === Number.POSITIVE_INFINITY) continue;
    const here = candidate.parent === pattern;
    const score = distance * 2 + (here ? 0 : 1) - sharedLevels(candidate.parent, pattern) / 100;
    if (score < bestScore) {
      bestScore = score;
      best = here && parent !== '' ? `${parent}.${candidate.key}` : path;
    }
  }
  return best;
}

function sharedLevels(left: string, right: string): number {
  const a = left.split('.');
  const b = right.split('.');
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count += 1;
  return count;
}
