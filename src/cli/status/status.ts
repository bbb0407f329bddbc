/**
 * `fxn status`: what a running node does, live on a terminal, else a line at a time. Everything comes from the status
 * document of its admin port. Runs in the command line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusDocument } from '../../console/statusDocument.js';
import { parseDuration } from '../../lib/duration.js';
import { homePaths, resolveHome } from '../../lib/homePaths.js';
import type { CliIo, StreamIo } from '../cliIo.js';
import { exitCodes, withExitCode } from '../exitCode.js';
import { homeAdminUrl, loadHomeConfig } from '../homeNode.js';
import { UsageError } from '../usageError.js';
import { type AdminClientOptions, askStatus, NoStatus } from './adminClient.js';
import { timeOfDay } from './figures.js';
import { openScreen, type Screen, styled } from './screen.js';
import { plainStatusLine, statusLines } from './statusView.js';

export interface StatusOptions {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
  /** Of the admin port; absent: this home's. */
  readonly url?: string | undefined;
  /** Absent: this home's. */
  readonly tokenFile?: string | undefined;
  readonly interval: string;
  readonly once?: boolean | undefined;
  readonly json?: boolean | undefined;
}

type StatusIo = Pick<CliIo, 'out' | 'err' | 'env'> & Pick<StreamIo, 'signal'>;

/** Where a live view is shown. */
export interface LiveTerminal {
  readonly output: NodeJS.WriteStream & { readonly fd: number };
  readonly input: NodeJS.ReadStream;
}

const shortestIntervalMs = 200;
/** Without a terminal nobody scrolls in what does not fit. */
const unbounded = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };

/** @param terminal absent: output goes to a file or a program */
export function status(options: StatusOptions, io: StatusIo, terminal?: LiveTerminal): Promise<number> {
  return withExitCode(io, async () => {
    const intervalMs = parseDuration(options.interval);
    if (intervalMs === undefined || intervalMs < shortestIntervalMs) {
      throw new UsageError(`--interval is a duration from ${shortestIntervalMs}ms, such as 2s.`);
    }
    const admin = adminOf(options, io);
    const isColoured = terminal !== undefined && !io.env['NO_COLOR'];
    try {
      const first = await askStatus(admin, io.signal);
      if (options.json === true) {
        io.out(JSON.stringify(first));
        return exitCodes.done;
      }
      if (options.once === true) {
        const room = terminal === undefined ? unbounded : { ...unbounded, columns: terminal.output.columns };
        io.out(
          statusLines(first, room)
            .map((content) => styled(content, isColoured))
            .join('\n'),
        );
        return exitCodes.done;
      }
      return terminal === undefined
        ? await printLines({ admin, first, intervalMs }, io)
        : await showLive({ admin, first, intervalMs }, { ...terminal, isColoured }, io);
    } catch (thrown) {
      if (io.signal.aborted) return exitCodes.interrupted;
      if (!(thrown instanceof NoStatus)) throw thrown;
      io.err(thrown.message);
      return exitCodes.misused;
    }
  });
}

function adminOf(options: StatusOptions, { env }: StatusIo): AdminClientOptions {
  const { config: configFile, modelBackend: modelBackendFile } = options;
  const home = resolveHome(options.home, env);
  const tokenFile = options.tokenFile ?? homePaths(home).consoleTokenFile;
  if (options.url !== undefined) {
    const isHttp = /^https?:\/\//i.test(options.url) && URL.canParse(options.url);
    if (!isHttp) throw new UsageError('--url is not a URL that starts with http:// or https://.');
    return { url: options.url.replace(/\/+$/, ''), tokenFile };
  }
  return { url: homeAdminUrl(loadHomeConfig({ home, configFile, modelBackendFile, env })), tokenFile };
}

interface Watching {
  readonly admin: AdminClientOptions;
  readonly first: StatusDocument;
  readonly intervalMs: number;
}

/** One line at a time until it is broken off, or the node is gone. */
async function printLines({ admin, first, intervalMs }: Watching, io: StatusIo): Promise<number> {
  for (let document = first; ; document = await askStatus(admin, io.signal)) {
    io.out(plainStatusLine(document));
    await sleep(intervalMs, undefined, { signal: io.signal });
  }
}

/** Goes on while the node is away, because it may be started again. */
async function showLive(
  { admin, first, intervalMs }: Watching,
  { output, input, isColoured }: LiveTerminal & { readonly isColoured: boolean },
  io: StatusIo,
): Promise<number> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([leaving.signal, io.signal]);
  let exitCode: number = exitCodes.interrupted;
  let document = first;
  let note: string | undefined;
  const draw = (): void => screen.draw(statusLines(document, screen.room(), note));
  const screen: Screen = openScreen({
    output,
    input,
    isColoured,
    onResize: () => draw(),
    onQuit(how) {
      exitCode = how === 'asked' ? exitCodes.done : exitCodes.interrupted;
      leaving.abort();
    },
  });
  try {
    draw();
    for (;;) {
      await sleep(intervalMs, undefined, { signal });
      try {
        document = await askStatus(admin, signal);
        note = undefined;
      } catch (thrown) {
        if (!(thrown instanceof NoStatus)) throw thrown;
        note = `${thrown.message} Below is what it was at ${timeOfDay(document.atMs)}.`;
      }
      draw();
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return exitCode;
  } finally {
    screen.close();
  }
}
