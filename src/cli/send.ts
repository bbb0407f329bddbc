/**
 * `fxn send`: one request, signed as a gateway or scheduler signs, and its answer as it arrives. Standard
 * output gets the answer and nothing else; what is worth knowing about it goes to standard error. Runs in the
 * command line.
 */
import { once } from 'node:events';
import { parseJson } from '../lib/unknownJson.js';
import { answerSummary, completionTiming } from './answerSummary.js';
import { ChatText, saidTokens } from './chatText.js';
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes, withExitCode } from './exitCode.js';
import { homeNodeUrl } from './homeNode.js';
import { readRequestBody } from './requestBody.js';
import {
  configOnDemand,
  openSigner,
  type SigningOptions,
  signingScheme,
  urlAtNode,
} from './requestSigning.js';
import { exchangeSigned, type SignedAnswer } from './signedExchange.js';
import { UsageError } from './usageError.js';
import { withExchange } from './withExchange.js';

export interface SendOptions extends SigningOptions {
  /** Path and query. */
  readonly path: string;
  /** The body, `@FILE`, or `-` for standard input. */
  readonly body?: string | undefined;
  /** POST with a body, else GET. */
  readonly method?: string | undefined;
  /** Absent: the node of this home. */
  readonly url?: string | undefined;
  /** Bytes as they are, on a terminal too. */
  readonly raw?: boolean | undefined;
  /** How fast a completion came, also where standard error is no terminal. */
  readonly timing?: boolean | undefined;
}

export function send(options: SendOptions, io: CliIo & StreamIo): Promise<number> {
  return withExitCode(io, async () => {
    checkPath(options.path);
    if (options.method !== undefined && !/^[a-z]+$/i.test(options.method)) {
      throw new UsageError('-X takes an HTTP method such as GET or POST.');
    }
    const homeConfig = configOnDemand(options, io);
    const url = urlAtNode(options.url ?? homeNodeUrl(homeConfig()), options.path, '--url');
    const signer = await openSigner(options, homeConfig, io);
    const scheme = signingScheme(options, homeConfig, io);
    const { signal } = io;
    return withExchange(io, async (onSecondAttempt) => {
      const body = await readRequestBody(options.body, io);
      const method = (options.method ?? (body.length > 0 ? 'POST' : 'GET')).toUpperCase();
      const answer = await exchangeSigned({
        url,
        method,
        body,
        signer,
        scheme,
        signal,
        onSecondAttempt,
      });
      const isTimed = options.timing === true || io.progress !== undefined;
      const printing = { isRaw: options.raw === true, isTimed, path: url.pathname };
      const exitCode = await printAnswer(answer, printing, io);
      if (answer.refusal === 'auth_unknown_caller') {
        io.err(
          `The node does not know ${signer.address}, which signed this: register it as a gateway, or sign with --key.`,
        );
      }
      return exitCode;
    });
  });
}

function checkPath(path: string): void {
  if (path.startsWith('/')) return;
  throw new UsageError(
    URL.canParse(path)
      ? 'PATH is only what follows the host, such as /v1/models; the rest goes into --url.'
      : `PATH begins with a slash: /${path}`,
  );
}

interface PrintOptions {
  readonly isRaw: boolean;
  readonly isTimed: boolean;
  readonly path: string;
}

const newline = 0x0a;
/** A whole completion that is longer than this is not read for its tokens. */
const maxCompletionBytes = 1_024 * 1_024;

async function printAnswer(
  answer: SignedAnswer,
  { isRaw, isTimed, path }: PrintOptions,
  io: CliIo & StreamIo,
): Promise<number> {
  const isTerminal = io.stdout.isTTY === true;
  const isEvents = answer.headers['content-type']?.toLowerCase().startsWith('text/event-stream') ?? false;
  const isCompletion = /\/(?:chat\/)?completions$/.test(path);
  const chat = isCompletion && isEvents ? new ChatText() : undefined;
  const whole: Uint8Array[] | undefined = isTimed && isCompletion && !isEvents ? [] : undefined;
  const isTextOnly = chat !== undefined && isTerminal && !isRaw;
  let firstByteAtMs: number | undefined;
  let firstTokenAtMs: number | undefined;
  let bytes = 0;
  let last: number | undefined;
  const report = (): void => {
    // The shell's prompt and the summary begin on a line of their own.
    if (isTerminal && last !== undefined && last !== newline) io.stdout.write('\n');
    const lastByteAtMs = performance.now();
    io.err(answerSummary(answer, { firstByteAtMs, bytes }));
    if (!isTimed) return;
    const counted = chat?.tokens ?? (whole && saidTokens(parseJson(Buffer.concat(whole).toString('utf8'))));
    const tokens = counted ?? chat?.textEvents;
    if (tokens === undefined || tokens === 0) return;
    const { sentAtMs } = answer;
    const areCounted = counted !== undefined;
    io.err(completionTiming({ sentAtMs, firstTokenAtMs, lastByteAtMs, tokens, areCounted }));
  };
  try {
    for await (const piece of answer.body) {
      firstByteAtMs ??= performance.now();
      bytes += piece.length;
      const text = chat?.push(piece) ?? '';
      if (text !== '') firstTokenAtMs ??= performance.now();
      if (bytes <= maxCompletionBytes) whole?.push(piece);
      const out = isTextOnly ? Buffer.from(text, 'utf8') : piece;
      if (out.length === 0) continue;
      last = out.at(-1);
      if (!io.stdout.write(out)) await once(io.stdout, 'drain', { signal: io.signal });
    }
  } catch (thrown) {
    report();
    throw thrown;
  }
  report();
  if (chat?.error !== undefined) {
    io.err(`The answer ended with an error: ${chat.error}`);
    return exitCodes.failed;
  }
  return answer.status >= 200 && answer.status < 300 ? exitCodes.done : exitCodes.failed;
}
