/**
 * Reads a configuration file into a YAML document that knows where everything stands. Nothing is interpreted
 * here; a file that cannot be read or is not one YAML document becomes problems with their place.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Document, LineCounter, parseDocument } from 'yaml';
import { type ConfigProblem, type Place, startOfFile } from './configError.js';

export interface YamlFile {
  readonly path: string;
  readonly document: Document.Parsed;
  placeAt(offset: number): Place;
}

export type YamlFileResult =
  | { readonly file: YamlFile; readonly problems?: never }
  | { readonly file?: never; readonly problems: readonly ConfigProblem[] };

/** No hand-written configuration is near this; a larger file is a mistake or an attack on the parser. */
const maxFileBytes = 1024 * 1024;
/** One slip in YAML causes a cascade; more of it helps nobody. */
const maxSyntaxProblems = 20;

export function openYamlFile(path: string, remedy: string): YamlFileResult {
  let bytes: Uint8Array;
  try {
    bytes = readBounded(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const message =
      reason === 'ENOENT'
        ? `expected a configuration file, found none here; ${remedy}`
        : `expected a readable file, found that it cannot be read (${reason})`;
    return { problems: [{ file: path, ...startOfFile, path: '', message }] };
  }
  if (bytes.length > maxFileBytes) {
    const message = `expected at most ${maxFileBytes} bytes (1 MiB), found a larger file`;
    return { problems: [{ file: path, ...startOfFile, path: '', message }] };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const message = 'expected text in UTF-8, found other bytes';
    return { problems: [{ file: path, ...startOfFile, path: '', message }] };
  }
  return parseYaml(path, text);
}

/** At most one byte more than is allowed, so that a device or a growing file cannot fill the memory. */
function readBounded(path: string): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(maxFileBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

function parseYaml(path: string, text: string): YamlFileResult {
  const lineCounter = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    // An offset that the counter has not seen (an empty file) reads as line 0.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  try {
    const document = parseDocument(text, {
      version: '1.2',
      lineCounter,
      prettyErrors: false,
      strict: true,
      // Found by the reader instead, which can name the key.
      uniqueKeys: false,
      logLevel: 'error',
    });
    // A warning is an unknown tag: something was meant that would silently be lost.
    const faults = [...document.errors, ...document.warnings];
    if (faults.length === 0) return { file: { path, document, placeAt } };
    return {
      problems: faults.slice(0, maxSyntaxProblems).map((fault) => ({
        file: path,
        ...placeAt(fault.pos[0]),
        path: '',
        message: syntaxMessage(fault.code, fault.message),
      })),
    };
  } catch {
    // The parser recurses; thousands of nested brackets overflow its stack.
    const message = 'expected a YAML document, found one that is nested too deeply to be read';
    return { problems: [{ file: path, ...startOfFile, path: '', message }] };
  }
}

/** The parser's own words, except where they quote the file (it may hold secrets) or speak to programmers. */
function syntaxMessage(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'expected one YAML document, found a second one';
  if (code === 'UNEXPECTED_TOKEN') return 'expected YAML, found text that fits nowhere';
  return `expected valid YAML, found: ${message}`;
}
