/**
 * Reads the headers of message signatures in the spelling in which signers send them: one member, in the one form
 * that a serializer writes. Whatever else RFC 9651 allows is `undefined` here and is left to the library, which takes
 * twenty times as long; so nothing is accepted or refused here that the library would not. Runs on the fronts.
 */

/** One labelled list of component names with parameters, spelled as it is signed. */
export interface PlainInput {
  readonly label: string;
  readonly components: readonly string[];
  /** All behind `label=`. */
  readonly parameters: string;
  readonly keyid: string | number | undefined;
  readonly alg: string | number | undefined;
  readonly nonce: string | number | undefined;
  readonly created: string | number | undefined;
  readonly expires: string | number | undefined;
}

export interface PlainBytes {
  readonly label: string;
  readonly bytes: Buffer;
}

/** More than signers use, and few enough to look for a repeated one by comparing all. */
const maxNames = 16;
const maxDigits = 15;

const quote = 0x22;
const colon = 0x3a;
const semicolon = 0x3b;
const equals = 0x3d;
const space = 0x20;
const backslash = 0x5c;
const openingParenthesis = 0x28;
const closingParenthesis = 0x29;

/** Classes of characters, one bit each, by code below 128. */
const isKeyStart = 1;
const isKeyCharacter = 2;
const classes = classesOf({
  abcdefghijklmnopqrstuvwxyz: isKeyStart | isKeyCharacter,
  '0123456789': isKeyCharacter,
  '*': isKeyStart | isKeyCharacter,
  '_.-': isKeyCharacter,
});

function classesOf(table: Readonly<Record<string, number>>): Uint8Array {
  const byCode = new Uint8Array(128);
  for (const [characters, bits] of Object.entries(table)) {
    for (const character of characters) byCode[character.charCodeAt(0)] = bits;
  }
  return byCode;
}

const notBase64 = 0xff;
const base64Values = new Uint8Array(128).fill(notBase64);
for (const [value, digit] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  base64Values[digit.charCodeAt(0)] = value;
}

/** False for codes from 128 up, and for the NaN behind the end of a text. */
const isOf = (bit: number, code: number): boolean => ((classes[code] ?? 0) & bit) !== 0;

/** Where a key that begins at `at` ends; `at` when there is none. */
function keyEnd(text: string, at: number): number {
  if (!isOf(isKeyStart, text.charCodeAt(at))) return at;
  let end = at + 1;
  while (isOf(isKeyCharacter, text.charCodeAt(end))) end++;
  return end;
}

/** Where the closing quote of a string stands whose content begins at `at`; -1 when it is none or has escapes. */
function stringEnd(text: string, at: number): number {
  for (let end = at; ; end++) {
    const code = text.charCodeAt(end);
    if (code === quote) return end;
    // Also the NaN behind the end.
    if (!(code >= 0x20 && code <= 0x7e) || code === backslash) return -1;
  }
}

/** Where an integer ends that begins at `at`; `at` when there is none or it is not in its one spelling. */
function integerEnd(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end++;
  const digits = end - at;
  return digits > maxDigits || (digits > 1 && text.charCodeAt(at) === 0x30) ? at : end;
}

/** What a Signature-Input says before its parameters. */
interface PlainCover {
  readonly label: string;
  readonly components: readonly string[];
  /** Where `label=` ends. */
  readonly parametersAt: number;
}

/** By their text: a caller's requests cover the same components, and few kinds of clients there are. */
const covers = new Map<string, PlainCover>();
const maxCovers = 256;

/** Of `label=("name" "name")`, all of it. */
function readPlainCover(text: string): PlainCover | undefined {
  const labelEnd = keyEnd(text, 0);
  if (labelEnd === 0 || text.charCodeAt(labelEnd) !== equals) return undefined;
  let at = labelEnd + 1;
  if (text.charCodeAt(at) !== openingParenthesis) return undefined;
  at++;
  const components: string[] = [];
  while (text.charCodeAt(at) === quote) {
    const end = stringEnd(text, at + 1);
    if (end < 0 || components.length === maxNames) return undefined;
    const name = text.slice(at + 1, end);
    if (components.includes(name)) return undefined;
    components.push(name);
    at = end + 1;
    if (text.charCodeAt(at) === space && text.charCodeAt(at + 1) === quote) at++;
    else break;
  }
  if (text.charCodeAt(at) !== closingParenthesis || at + 1 !== text.length) return undefined;
  return { label: text.slice(0, labelEnd), components, parametersAt: labelEnd + 1 };
}

/** A Signature-Input with one member. */
export function readPlainInput(text: string): PlainInput | undefined {
  // One inside of a name leaves a text that is no cover.
  let at = text.indexOf(')') + 1;
  const coverText = text.slice(0, at);
  let cover = covers.get(coverText);
  if (cover === undefined) {
    cover = readPlainCover(coverText);
    if (cover === undefined) return undefined;
    if (covers.size >= maxCovers) covers.clear();
    covers.set(coverText, cover);
  }

  let keyid: string | number | undefined;
  let alg: string | number | undefined;
  let nonce: string | number | undefined;
  let created: string | number | undefined;
  let expires: string | number | undefined;
  while (at < text.length) {
    if (text.charCodeAt(at) !== semicolon) return undefined;
    const nameEnd = keyEnd(text, at + 1);
    const name = text.slice(at + 1, nameEnd);
    if (text.charCodeAt(nameEnd) !== equals) return undefined;
    at = nameEnd + 1;
    let value: string | number;
    if (text.charCodeAt(at) === quote) {
      const end = stringEnd(text, at + 1);
      if (end < 0) return undefined;
      value = text.slice(at + 1, end);
      at = end + 1;
    } else {
      const end = integerEnd(text, at);
      if (end === at) return undefined;
      value = Number(text.slice(at, end));
      at = end;
    }
    // One that is not known here could be a second of its name.
    if (name === 'created' && created === undefined) created = value;
    else if (name === 'expires' && expires === undefined) expires = value;
    else if (name === 'nonce' && nonce === undefined) nonce = value;
    else if (name === 'keyid' && keyid === undefined) keyid = value;
    else if (name === 'alg' && alg === undefined) alg = value;
    else return undefined;
  }
  const { label, components, parametersAt } = cover;
  return { label, components, parameters: text.slice(parametersAt), keyid, alg, nonce, created, expires };
}

/** A dictionary with one member, a sequence of bytes: a Signature or a Content-Digest. */
export function readPlainBytes(text: string): PlainBytes | undefined {
  const labelEnd = keyEnd(text, 0);
  const begin = labelEnd + 2;
  const end = text.length - 1;
  if (labelEnd === 0 || text.charCodeAt(labelEnd) !== equals || text.charCodeAt(begin - 1) !== colon) {
    return undefined;
  }
  if (end < begin || text.charCodeAt(end) !== colon || (end - begin) % 4 !== 0) return undefined;
  const room = Buffer.allocUnsafe(((end - begin) / 4) * 3);
  const length = decodeBase64(text, begin, end, room);
  if (length < 0) return undefined;
  const bytes = length === room.length ? room : room.subarray(0, length);
  return { label: text.slice(0, labelEnd), bytes };
}

/**
 * Decodes groups of four digits, of which the last may end in one or two signs of equality.
 *
 * @returns how many bytes they are; -1 when they are no base64
 */
function decodeBase64(text: string, begin: number, end: number, into: Uint8Array): number {
  let digitsEnd = end;
  if (end > begin && text.charCodeAt(end - 1) === equals) {
    digitsEnd -= text.charCodeAt(end - 2) === equals ? 2 : 1;
  }
  let length = 0;
  let bits = 0;
  let held = 0;
  for (let at = begin; at < digitsEnd; at++) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? base64Values[code]! : notBase64;
    if (value === notBase64) return -1;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      into[length++] = held >> bits;
      held &= 0xff;
    }
  }
  return length;
}
