/** What stands in a node of a YAML document, as text to read and as words for a message. */
import { isMap, isSeq, type Node, type Scalar } from 'yaml';
import type { ScalarText } from './notation.js';

const maxShownLength = 60;

/** As much of a text as a message needs. */
export const shown = (text: string): string =>
  text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;

/** The source of a number, not the number: `0x0a…` may be an address. */
export const scalarText = (scalar: Scalar): string =>
  typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));

export function toScalarText(scalar: Scalar): ScalarText {
  const text = scalarText(scalar);
  if (typeof scalar.value === 'number') return { text, kind: 'number' };
  return { text, kind: typeof scalar.value === 'boolean' ? 'boolean' : 'text' };
}

export function kindOf(node: Node): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  return 'a single value';
}
