/**
 * One GPU host as a child process: it starts at a low priority with its own log, is told and heard over its channel,
 * and ends by a kill or by itself. It is not started again here. Runs in main.
 */
import { fork } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../logger/logger.js';
import { failureReason } from './engineFailure.js';
import type { FromHost, ToHost } from './hostProtocol.js';

export interface HostProcessOptions {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Not called any more once it has ended. */
  readonly onMessage: (message: FromHost) => void;
  /** Called once, never before this function has returned, with the reason in words: after "the GPU host". */
  readonly onEnd: (how: string) => void;
}

export interface HostProcess {
  /** `undefined` where it could not be started; `onEnd` follows. */
  readonly pid: number | undefined;
  send(message: ToHost): void;
  /** The first reason given is the one it ends with. */
  kill(because: string): void;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
}

/** Nice value 15, like the compute threads: tokens come first. */
const hostPriority = 15;
/** Native libraries can be talkative; what one host says beyond this is dropped. */
const maxOutputLines = 200;
const maxOutputLineLength = 500;

export function startHostProcess({ entry, env, log, onMessage, onEnd }: HostProcessOptions): HostProcess {
  let killedBecause: string | undefined;
  let hasEnded = false;
  const child = fork(fileURLToPath(entry), {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env,
    execArgv: [],
  });
  const onUntold = (err: Error): void => log.debug({ err }, 'GPU host cannot be told');

  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      resolve();
      onEnd(killedBecause ?? how);
    };
    child.on('exit', (code, signal) =>
      end(signal === null ? `ended with code ${code}` : `ended by ${signal}`),
    );
    // Either it could not be started, or something could not be sent to it; then its end is on its way.
    child.on('error', (error) => {
      if (child.pid === undefined) end(`could not be started: ${error.message}`);
      else onUntold(error);
    });
  });
  // A host that is on its way out is of no use and may hang there.
  child.on('disconnect', () => child.kill('SIGKILL'));
  child.on('message', (message: FromHost) => {
    if (!hasEnded) onMessage(message);
  });
  if (child.pid !== undefined) {
    logOutput([child.stdout!, child.stderr!], log);
    lowerPriority(child.pid, log);
  }

  return {
    pid: child.pid,
    send(message) {
      child.send(message, (error) => {
        if (error !== null) onUntold(error);
      });
    },
    kill(because) {
      killedBecause ??= because;
      child.kill('SIGKILL');
    },
    ended,
  };
}

function logOutput(streams: readonly Readable[], log: Logger): void {
  let lines = 0;
  for (const stream of streams) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const complete = `${rest}${text}`.split('\n');
      rest = complete.pop()!.slice(0, maxOutputLineLength);
      for (const line of complete) {
        if (++lines > maxOutputLines) return;
        log.debug({ output: line.slice(0, maxOutputLineLength) }, 'GPU host says');
      }
    });
  }
}

function lowerPriority(pid: number, log: Logger): void {
  try {
    setPriority(pid, hostPriority);
  } catch (thrown) {
    // It may have died already; at the ordinary priority it would work just as well.
    log.debug({ reason: failureReason(thrown) }, 'GPU host keeps its priority');
  }
}
