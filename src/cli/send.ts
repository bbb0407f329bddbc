/**
 * `fxn send`: one request, signed as a gateway or scheduler signs, and its answer as it arrives. Standard
 * output gets the answer and nothing else; what is worth knowing about it goes to standard error. Runs in the
 * command line.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.js';
import { homePaths, resolveHome } from '../lib/homePaths.js';
import { ChatText } from './chatText.js';
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes, withExitCode } from './exitCode.js';
import { homeNodeUrl, loadHomeConfig } from './homeNode.js';
import { readRequestBody } from './requestBody.js';
import { ExchangeFailed, exchangeSigned, type SignedAnswer, type SigningScheme } from './signedExchange.js';
import { openSigningKey } from './signingKey.js';
import { UsageError } from './usageError.js';

export interface SendOptions {
  /** Path and query. */
  readonly path: string;
  /** The body, `@FILE`, or `-` for standard input. */
  readonly body?: string | undefined;
  /** POST with a body, else GET. */
  readonly method?: string | undefined;
  /** Absent: the node of this home. */
  readonly url?: string | undefined;
  /** A key file, or `0x` and 64 hex digits; absent: the key of this home. */
  readonly key?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly scheme: 'legacy' | 'rfc9421';
  /** For `rfc9421`; absent: that of this home, or Base Sepolia where there is no home. */
  readonly chainId?: number | undefined;
  /** Bytes as they are, on a terminal too. */
  readonly raw?: boolean | undefined;
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
}

/** Where the network runs today. */
const baseSepolia = 84_532;

export function send(options: SendOptions, io: CliIo & StreamIo): Promise<number> {
  return withExitCode(io, async () => {
    checkPath(options.path);
    if (options.method !== undefined && !/^[a-z]+$/i.test(options.method)) {
      throw new UsageError('-X takes an HTTP method such as GET or POST.');
    }
    const homeConfig = configOnDemand(options, io);
    const url = targetUrl(options.url ?? homeNodeUrl(homeConfig()), options.path);
    const signer = await openSigningKey(
      options.key === undefined
        ? {
            key: homeConfig().keys.file,
            passwordFile: options.passwordFile ?? (homeConfig().keys.passwordFile || undefined),
          }
        : { key: options.key, passwordFile: options.passwordFile },
      io,
    );
    const scheme = signingScheme(options, homeConfig, io);
    const { signal } = io;
    try {
      const body = await readRequestBody(options.body, io);
      const method = (options.method ?? (body.length > 0 ? 'POST' : 'GET')).toUpperCase();
      const answer = await exchangeSigned({
        url,
        method,
        body,
        signer: { address: signer.checksumAddress, sign: signer.sign },
        scheme,
        signal,
        onSecondAttempt: () => io.err('The node has only just started (auth_expired): signing again.'),
      });
      const exitCode = await printAnswer(answer, { isRaw: options.raw === true, path: url.pathname }, io);
      if (answer.refusal === 'auth_unknown_caller') {
        io.err(
          `The node does not know ${signer.checksumAddress}, which signed this: register it as a gateway, or sign with --key.`,
        );
      }
      return exitCode;
    } catch (thrown) {
      if (signal.aborted) {
        io.err('Broken off.');
        return exitCodes.interrupted;
      }
      if (!(thrown instanceof ExchangeFailed)) throw thrown;
      io.err(thrown.message);
      return exitCodes.failed;
    }
  });
}

/** Loaded once and only when an option is missing: a request elsewhere needs no home. */
function configOnDemand(options: SendOptions, { env }: CliIo): () => Config {
  const { config: configFile, modelBackend: modelBackendFile } = options;
  let loaded: Config | undefined;
  return () => {
    loaded ??= loadHomeConfig({ home: resolveHome(options.home, env), configFile, modelBackendFile, env });
    return loaded;
  };
}

function signingScheme(options: SendOptions, homeConfig: () => Config, { env }: CliIo): SigningScheme {
  const { scheme: name, chainId } = options;
  if (name === 'legacy') return { name };
  if (chainId !== undefined) {
    if (!Number.isSafeInteger(chainId) || chainId < 1) throw new UsageError('--chain-id is a number from 1.');
    return { name, chainId };
  }
  const { configFile } = homePaths(resolveHome(options.home, env), { configFile: options.config });
  return { name, chainId: existsSync(configFile) ? homeConfig().chainId : baseSepolia };
}

function checkPath(path: string): void {
  if (path.startsWith('/')) return;
  throw new UsageError(
    URL.canParse(path)
      ? 'PATH is only what follows the host, such as /v1/models; the rest goes into --url.'
      : `PATH begins with a slash: /${path}`,
  );
}

function targetUrl(base: string, path: string): URL {
  const isHttp = /^https?:\/\//i.test(base) && URL.canParse(base);
  if (!isHttp) throw new UsageError('--url is not a URL that starts with http:// or https://.');
  const { origin, pathname } = new URL(base);
  return new URL(`${origin}${pathname.replace(/\/$/, '')}${path}`);
}

interface PrintOptions {
  readonly isRaw: boolean;
  readonly path: string;
}

const newline = 0x0a;

async function printAnswer(
  answer: SignedAnswer,
  { isRaw, path }: PrintOptions,
  io: CliIo & StreamIo,
): Promise<number> {
  const isTerminal = io.stdout.isTTY === true;
  const isEvents = answer.headers['content-type']?.toLowerCase().startsWith('text/event-stream') ?? false;
  const isCompletion = isEvents && /\/(?:chat\/)?completions$/.test(path);
  const chat = isCompletion ? new ChatText() : undefined;
  const isTextOnly = chat !== undefined && isTerminal && !isRaw;
  let firstByteAtMs: number | undefined;
  let bytes = 0;
  let last: number | undefined;
  const report = (): void => {
    // The shell's prompt and the summary begin on a line of their own.
    if (isTerminal && last !== undefined && last !== newline) io.stdout.write('\n');
    io.err(summaryOf(answer, { firstByteAtMs, bytes }));
  };
  try {
    for await (const piece of answer.body) {
      firstByteAtMs ??= performance.now();
      bytes += piece.length;
      const text = chat?.push(piece) ?? '';
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

function summaryOf(
  { status, statusText, headers, sentAtMs }: SignedAnswer,
  { firstByteAtMs, bytes }: { firstByteAtMs: number | undefined; bytes: number },
): string {
  const id = headers['x-request-id'];
  return [
    `${status} ${statusText}`.trim(),
    ...(id === undefined ? [] : [`request ${id}`]),
    ...(firstByteAtMs === undefined ? [] : [`first byte ${durationWords(firstByteAtMs - sentAtMs)}`]),
    `total ${durationWords(performance.now() - sentAtMs)}`,
    `${bytes} bytes`,
  ].join('  ');
}

const durationWords = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
