/**
 * JSON objects spelled in unusual ways, as a scanner must take them: any white space, any character escaped,
 * keys given twice. Runs in property tests.
 */
import fc from 'fast-check';
import { repeatableRandom } from './repeatableRandom.js';

export type Members = readonly (readonly [key: string, value: unknown])[];

export interface ObjectText {
  readonly bytes: Buffer;
  /** The string values of the wanted key at the top level: offsets of the quotes, and what they hold. */
  readonly wanted: readonly { readonly start: number; readonly end: number; readonly text: string }[];
}

/** Members with the wanted key among others that look like it, also below the top level. */
export function arbitraryMembers(wanted: string, wantedValue: fc.Arbitrary<unknown>): fc.Arbitrary<Members> {
  const likeWanted = fc.constantFrom(`${wanted}s`, wanted.slice(1), wanted.toUpperCase(), '', '"', '\\', '{');
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'json' },
      fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
      fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'json' }),
      fc
        .array(fc.tuple(fc.oneof(text, fc.constant(wanted)), tie('value')), {
          maxLength: 3,
          depthIdentifier: 'json',
        })
        .map((members) => Object.fromEntries(members)),
    ),
  })).value;
  const member = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.oneof(text, likeWanted), value) },
    { weight: 1, arbitrary: fc.tuple(fc.constant(wanted), wantedValue) },
  );
  return fc.array(member, { maxLength: 6 });
}

export function objectText(members: Members, wantedKey: string, seed: number): ObjectText {
  const random = repeatableRandom(seed);
  const wanted: { start: number; end: number; text: string }[] = [];
  let text = `${space(random)}{${space(random)}`;
  for (const [index, [key, value]] of members.entries()) {
    if (index > 0) text += `,${space(random)}`;
    text += `${spell(key, random)}${space(random)}:${space(random)}`;
    const start = Buffer.byteLength(text);
    text += spell(value, random);
    if (key === wantedKey && typeof value === 'string') {
      wanted.push({ start, end: Buffer.byteLength(text), text: value });
    }
    text += space(random);
  }
  return { bytes: Buffer.from(`${text}}${space(random)}`), wanted };
}

/** Pieces of the bytes, cut at the given shares of their length. */
export function cut(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const at = [...shares.map((share) => Math.floor(share * (bytes.length + 1))), bytes.length];
  let from = 0;
  return at
    .toSorted((a, b) => a - b)
    .map((to) => {
      const piece = bytes.subarray(from, to);
      from = to;
      // A copy, as each read from a socket is: offsets into its memory must not matter.
      return Buffer.from(piece);
    });
}

export const arbitraryCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
  maxLength: 8,
});

function space(random: () => number): string {
  return random() < 0.7 ? '' : [' ', '\n', '\r\n', '\t', '  \n  '][Math.floor(random() * 5)]!;
}

function spell(value: unknown, random: () => number): string {
  if (typeof value === 'string') return spellString(value, random);
  if (Array.isArray(value)) {
    return `[${space(random)}${value.map((each) => spell(each, random)).join(`,${space(random)}`)}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, each]) => `${spellString(key, random)}:${space(random)}${spell(each, random)}`,
    );
    return `{${members.join(`${space(random)},`)}${space(random)}}`;
  }
  return JSON.stringify(value);
}

function spellString(text: string, random: () => number): string {
  let spelled = '';
  for (const character of text) {
    if (random() < 0.8) spelled += JSON.stringify(character).slice(1, -1);
    else if (character === '/') spelled += '\\/';
    else {
      // By UTF-16 unit, as JSON has it.
      for (let i = 0; i < character.length; i++) {
        spelled += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
      }
    }
  }
  return `"${spelled}"`;
}
