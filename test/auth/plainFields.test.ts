import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isInnerList, parseDictionary, serializeInnerList } from 'structured-headers';
import { readPlainBytes, readPlainInput } from '#src/auth/plainFields.js';
import { propertyRuns } from '#test/runs.js';

/** What the library makes of an input: as `readPlainInput` says it, or that it is none. */
function inputByLibrary(text: string): unknown {
  const dictionary = parseDictionary(text);
  assert.equal(dictionary.size, 1);
  const [label, member] = [...dictionary][0]!;
  assert.ok(isInnerList(member));
  for (const [, parameters] of member[0]) assert.equal(parameters.size, 0);
  const of = (name: string): unknown => member[1].get(name);
  return {
    label,
    components: member[0].map(([name]) => name),
    parameters: serializeInnerList(member),
    keyid: of('keyid'),
    alg: of('alg'),
    nonce: of('nonce'),
    created: of('created'),
    expires: of('expires'),
  };
}

function bytesByLibrary(text: string): unknown {
  const dictionary = parseDictionary(text);
  assert.equal(dictionary.size, 1);
  const [label, member] = [...dictionary][0]!;
  assert.ok(member[0] instanceof ArrayBuffer);
  assert.equal(member[1].size, 0);
  return { label, bytes: Buffer.from(member[0]) };
}

const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,6}$/);
const printable = fc.stringMatching(/^[\x20-\x7e]{0,12}$/);
const plainText = printable.map((text) => text.replaceAll(/["\\]/g, ''));
/** One with a closing parenthesis is left to the library. */
const plainName = plainText.map((text) => text.replaceAll(')', ''));
const plainInput = fc
  .record({
    label: key,
    names: fc.uniqueArray(plainName, { maxLength: 16 }),
    parameters: fc.shuffledSubarray(['created', 'expires', 'nonce', 'keyid', 'alg']),
    values: fc.array(
      fc.oneof(
        fc.integer({ min: 0, max: 999_999_999_999_999 }).map(String),
        plainText.map((text) => `"${text}"`),
      ),
      { minLength: 5, maxLength: 5 },
    ),
  })
  .map(({ label, names, parameters, values }) => {
    const list = names.map((name) => `"${name}"`).join(' ');
    return `${label}=(${list})${parameters.map((name, i) => `;${name}=${values[i]}`).join('')}`;
  });
const plainBytes = fc
  .tuple(key, fc.uint8Array({ maxLength: 70 }))
  .map(([label, bytes]) => `${label}=:${Buffer.from(bytes).toString('base64')}:`);

/** One character taken out, put in or replaced, so that the texts lie close to the plain ones. */
const edited = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      text,
      fc.nat(),
      fc.nat({ max: 1 }),
      fc.oneof(
        fc.constantFrom('', ' ', '\t', '"', '\\', ';', '=', ':', ',', '(', ')', '0', '-', '.', '1', '_', 'A'),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    )
    .map(([whole, at, removed, added]) => {
      const place = at % (whole.length + 1);
      return whole.slice(0, place) + added + whole.slice(place + removed);
    });

describe('the plain spelling of the headers of a message signature', () => {
  it('is read, and means what the library reads', () => {
    fc.assert(
      fc.property(plainInput, (text) => {
        const read = readPlainInput(text);
        assert.ok(read !== undefined, text);
        assert.deepEqual(read, inputByLibrary(text));
      }),
      { numRuns: propertyRuns(3_000) },
    );
    fc.assert(
      fc.property(plainBytes, (text) => {
        const read = readPlainBytes(text);
        assert.ok(read !== undefined, text);
        assert.deepEqual(read, bytesByLibrary(text));
      }),
      { numRuns: propertyRuns(3_000) },
    );
  });

  it('is never read where the library reads something else or refuses', () => {
    const piece = fc.constantFrom(
      'a',
      '=',
      '(',
      ')',
      '"x"',
      ';',
      'keyid',
      'nonce',
      '"',
      ',',
      ':',
      'AA==',
      ' ',
      '1',
      '-',
    );
    const composed = fc.array(piece, { maxLength: 16 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(edited(plainInput), edited(edited(plainInput)), composed), (text) => {
        const read = readPlainInput(text);
        if (read !== undefined) assert.deepEqual(read, inputByLibrary(text));
      }),
      { numRuns: propertyRuns(20_000) },
    );
    fc.assert(
      fc.property(fc.oneof(edited(plainBytes), edited(edited(plainBytes)), composed), (text) => {
        const read = readPlainBytes(text);
        if (read !== undefined) assert.deepEqual(read, bytesByLibrary(text));
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });

  it('is read the same again, however many others were read between', () => {
    const cover = (i: number): string => `l${i}=("@method" "x-${i}")`;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1_000; i++) {
        const text = `${cover(i)};created=${round};nonce="${i}"`;
        assert.deepEqual(readPlainInput(text), inputByLibrary(text));
      }
    }
  });

  it('leaves to the library what has more than one meaning or spelling', () => {
    for (const text of [
      '',
      'a',
      'a=1',
      'a=()x',
      'a=( )',
      'a=("x" )',
      'a=("x"  "y")',
      'a=("x""y")',
      'a=("x" "x")',
      'a=("x";sf)',
      'a=("x" y)',
      'a=("x)")',
      'a=("\\"")',
      'a=("é")',
      'a=("x"',
      'a=();tag="x"',
      'a=();created',
      'a=();created=01',
      'a=();created=-1',
      'a=();created=1.5',
      'a=();created=1000000000000000',
      'a=(); created=1',
      'a=();created=1;created=1',
      'a=();created=1, b=()',
      'a=();nonce="x',
      ' a=()',
      'a=() ',
      'A=()',
      `a=(${Array.from({ length: 17 }, (_, i) => `"${i}"`).join(' ')})`,
    ]) {
      assert.equal(readPlainInput(text), undefined, text);
    }
    for (const text of [
      '',
      'a',
      'a=:',
      'a=:A:',
      'a=:AA:',
      'a=:A===:',
      'a=:AA==:;x',
      'a=:A_==:',
      'a=:AAAA:,b',
      'a=:AA=A:',
    ]) {
      assert.equal(readPlainBytes(text), undefined, text);
    }
  });
});
