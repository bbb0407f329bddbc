/**
 * The head of a response as HTTP/1.1 writes it (RFC 9112): status, header fields, and how the body ends. Whatever two
 * readers could understand differently is refused: a folded line, a second length, a length beside a transfer coding.
 * Runs on the fronts.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; the first value where one is given twice. */
  readonly headers: IncomingHttpHeaders;
  /** As announced, also where no body comes. */
  readonly contentLength: number | null;
  readonly isChunked: boolean;
  /** False when the connection must not carry another request. */
  readonly isKept: boolean;
  /** How long the backend says that it keeps an idle connection; `undefined` when it does not say. */
  readonly keptForMs: number | undefined;
}

/** Not HTTP, or HTTP that must not be trusted. */
export class ResponseSyntaxError extends Error {
  override readonly name = 'ResponseSyntaxError';
}

const httpVersion = 'HTTP/1.';
const statusEnd = 'HTTP/1.1 200'.length;
const decimal = /^\d{1,15}$/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Any other last coding is ended by the closing connection alone (RFC 9112, section 6.3). */
const endsInChunked = /(?:^|[,\t ])chunked$/i;
const closeOption = /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i;
const keepAliveOption = /(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/i;
const timeoutParameter = /(?:^|[,;\t ])timeout=(\d{1,9})/i;

/** Lower-case names by how they were written: backends send the same few again and again. */
const knownNames = new Map<string, string>();
const maxKnownNames = 256;

const zero = 0x30;
const space = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;

/** @param text the head as Latin-1 with the blank line, checked to hold no control characters but tabs and CRLF */
export function parseResponseHead(text: string): ResponseHead {
  const minor = text.charCodeAt(httpVersion.length) - zero;
  const status = statusOf(text);
  if (!text.startsWith(httpVersion) || (minor !== 0 && minor !== 1) || status === undefined) {
    throw new ResponseSyntaxError('no status line');
  }
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  let coding: string | undefined;
  let connection: string | undefined;
  let isLengthTwice = false;

  let at = text.indexOf('\r\n') + 2;
  for (let end = text.indexOf('\r\n', at); end > at; end = text.indexOf('\r\n', at)) {
    const colon = text.indexOf(':', at);
    const name = colon === -1 || colon > end ? undefined : nameOf(text.slice(at, colon));
    // A line that begins with a space, which goes on with the one before it, has no name either.
    if (name === undefined) throw new ResponseSyntaxError('no header field');
    const value = trimmed(text, colon + 1, end);
    if (name === 'content-length') isLengthTwice ||= headers[name] !== undefined;
    else if (name === 'transfer-encoding') coding = coding === undefined ? value : `${coding},${value}`;
    else if (name === 'connection') connection = connection === undefined ? value : `${connection},${value}`;
    headers[name] ??= value;
    at = end + 2;
  }

  const length = headers['content-length'];
  if (isLengthTwice || (length !== undefined && !decimal.test(length))) {
    throw new ResponseSyntaxError('no single length');
  }
  if (coding !== undefined && length !== undefined) {
    throw new ResponseSyntaxError('a length and a transfer coding');
  }
  const isChunked = coding !== undefined && endsInChunked.test(coding);
  // Nothing here could decode what stands under the chunks.
  if (isChunked && coding?.length !== 'chunked'.length) throw new ResponseSyntaxError('two transfer codings');
  return {
    status,
    headers,
    contentLength: length === undefined ? null : Number(length),
    isChunked,
    isKept: isKept(minor, connection, coding),
    keptForMs: keptForMs(headers['keep-alive']),
  };
}

/** Checks the field lines behind a chunked body, which go nowhere. */
export function checkTrailers(text: string): void {
  let at = 0;
  for (let end = text.indexOf('\r\n', at); end > at; end = text.indexOf('\r\n', at)) {
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > end || !token.test(text.slice(at, colon))) {
      throw new ResponseSyntaxError('no trailer field');
    }
    at = end + 2;
  }
}

/** Whether a head can begin like this. */
export function beginsLikeHead(text: string): boolean {
  return text.startsWith(httpVersion.slice(0, text.length));
}

function statusOf(text: string): number | undefined {
  const behind = text.charCodeAt(statusEnd);
  if (text.charCodeAt(statusEnd - 4) !== space || (behind !== space && behind !== carriageReturn))
    return undefined;
  let status = 0;
  for (let at = statusEnd - 3; at < statusEnd; at++) {
    const digit = text.charCodeAt(at) - zero;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    status = 10 * status + digit;
  }
  return status < 100 ? undefined : status;
}

function nameOf(written: string): string | undefined {
  const known = knownNames.get(written);
  if (known !== undefined) return known;
  if (!token.test(written)) return undefined;
  const name = written.toLowerCase();
  if (knownNames.size < maxKnownNames) knownNames.set(written, name);
  return name;
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === space || code === tab;

function isKept(minor: number, connection: string | undefined, coding: string | undefined): boolean {
  // HTTP/1.0 knows no transfer codings: what follows on such a connection is anybody's guess.
  if (minor === 0)
    return coding === undefined && connection !== undefined && keepAliveOption.test(connection);
  return connection === undefined || !closeOption.test(connection);
}

function keptForMs(keepAlive: string | undefined): number | undefined {
  const seconds = keepAlive === undefined ? undefined : timeoutParameter.exec(keepAlive)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
