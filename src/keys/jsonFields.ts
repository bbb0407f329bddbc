/**
 * Reading single fields of a key file that was parsed as JSON but is not trusted. Every refusal names the
 * field and never its value. Runs in main and the command line.
 */
import { isRecord } from '../lib/unknownJson.js';
import { keyFileError } from './keyFileError.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function objectField(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (!isRecord(value)) throw keyFileError('unknown_format', `"${name}" is missing or not an object`);
  return value;
}

export function textField(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw keyFileError('unknown_format', `"${name}" is missing or not a text`);
  return value;
}

/** The bytes of hex text in any case, `0x` optional. */
export function hexField(object: JsonObject, name: string): Uint8Array {
  const bytes = parseHex(textField(object, name));
  if (bytes === undefined) throw keyFileError('unknown_format', `"${name}" is not hex`);
  return bytes;
}

export function parseHex(text: string): Uint8Array | undefined {
  const digits = /^(?:0[xX])?((?:[0-9a-fA-F]{2})*)$/.exec(text)?.[1];
  return digits === undefined ? undefined : new Uint8Array(Buffer.from(digits, 'hex'));
}
