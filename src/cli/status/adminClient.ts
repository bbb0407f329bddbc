/**
 * Asks a running node for its status document, with the token that lies in its home folder: whoever can read that file
 * may see it. Runs in the command line.
 */
import { readFile } from 'node:fs/promises';
import type { StatusDocument } from '../../console/statusDocument.js';
import { type HttpAnswer, requestHttp } from '../../lib/httpRequest.js';
import { systemErrorCode } from '../../lib/systemErrorCode.js';
import { isRecord, parseJson } from '../../lib/unknownJson.js';

/** The node did not tell its status; the message says why and what to do. */
export class NoStatus extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoStatus';
  }
}

export interface AdminClientOptions {
  /** Of the admin port, without a path. */
  readonly url: string;
  readonly tokenFile: string;
}

const deadlineMs = 5_000;
const maxBytes = 8 * 1_024 * 1_024;

/** @throws NoStatus, or the reason of the aborted signal */
export async function askStatus(
  { url, tokenFile }: AdminClientOptions,
  signal: AbortSignal,
): Promise<StatusDocument> {
  const token = (await readToken(tokenFile)) ?? (await firstToken(url, tokenFile, signal));
  const { status, text } = await ask(url, '/status', { authorization: `Bearer ${token}` }, signal);
  const document = parseJson(text);
  if (status === 200 && isRecord(document)) return document as unknown as StatusDocument;
  if (status === 401) {
    throw new NoStatus(`${url} does not accept the token in ${tokenFile}: is it the node of another home?`);
  }
  if (status === 404) throw noConsole(url);
  const error = isRecord(document) ? document['error'] : undefined;
  const said = isRecord(error) && typeof error['message'] === 'string' ? error['message'] : `HTTP ${status}`;
  throw new NoStatus(`${url} answers, but not with the status of a node: ${said}`);
}

const noConsole = (url: string): NoStatus =>
  new NoStatus(`${url} tells no status: set admin.console to true in its config.yaml and start it again.`);

async function readToken(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    // Anything else would not pass as a header, and is no token.
    if (/^[\x21-\x7e]+$/.test(token)) return token;
    throw new NoStatus(`${file} holds no token: delete it, and the node writes a new one.`);
  } catch (thrown) {
    const code = systemErrorCode(thrown);
    if (code === 'ENOENT') return undefined;
    if (code === undefined) throw thrown;
    throw new NoStatus(`${file} cannot be read (${code}): run this as the user of the node.`);
  }
}

/** The node writes it when its console is asked for. */
async function firstToken(url: string, file: string, signal: AbortSignal): Promise<string> {
  const { status } = await ask(url, '/', {}, signal);
  if (status === 404) throw noConsole(url);
  const token = await readToken(file);
  if (token !== undefined) return token;
  throw new NoStatus(
    `There is no token in ${file}: name the --home of the node that runs at ${url}, or its --token-file.`,
  );
}

async function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    const answer = await requestHttp({
      url: new URL(`${url}${path}`),
      method: 'GET',
      headers: { ...headers, accept: 'application/json' },
      signal: AbortSignal.any([deadline, signal]),
    });
    return { status: answer.status, text: await readText(answer) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof NoStatus) throw thrown;
    const code = systemErrorCode(thrown);
    const why = deadline.aborted
      ? `no answer within ${deadlineMs / 1_000} s`
      : code === 'ECONNREFUSED'
        ? 'nothing listens there'
        : (code ?? (thrown as Error).message);
    throw new NoStatus(`No node answers at ${url} (${why}). Start it with "fxn start", or give its --url.`);
  }
}

async function readText({ body }: HttpAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new NoStatus('The answer is too large for a status.');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
