/**
 * The process that native libraries are asked in: they may crash or never return, and only the end of a process helps
 * against either. Started with the first question, killed when an answer is late or nothing is asked for a while, and
 * started anew with the next question. Runs in main; the process itself is `workers/gpuTelemetry.ts`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isRecord } from '../lib/unknownJson.js';
import { killGroup, markProcess, type ProcessMark } from './processMark.js';
import { toolEnvironment } from './toolEnvironment.js';

export type TelemetryQuestion =
  | { readonly kind: 'nvml'; readonly library: string }
  | { readonly kind: 'systeminformation' };

export type TelemetryAnswer =
  /** Not checked yet: the process is not trusted to keep its figures in order. */
  | { readonly kind: 'answered'; readonly found: unknown }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'hung'; readonly reason: string; readonly process: ProcessMark | null };

export interface TelemetryProcess {
  /** One question at a time. Never rejects. */
  ask(question: TelemetryQuestion, signal: AbortSignal): Promise<TelemetryAnswer>;
  /** Kills the process; a question after this starts a new one. */
  close(): void;
}

export interface TelemetryProcessOptions {
  readonly deadlineMs?: number;
  /** For the first answer of a process, which loads and opens the library. */
  readonly firstDeadlineMs?: number;
  /** After this long without a question the process costs memory for nothing. */
  readonly idleMs?: number;
}

const longestReason = 300;
/**
 * Without a program that keeps the driver awake, opening it wakes every GPU in turn, about a second or two each. From
 * then on this process keeps it awake.
 */
const wakingMs = 20_000;

export function createTelemetryProcess(options: TelemetryProcessOptions = {}): TelemetryProcess {
  const { deadlineMs = 5_000, firstDeadlineMs = wakingMs, idleMs = 60_000 } = options;
  let running: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let isAsked = false;
  let hasAnswered = false;
  let turn = 0;

  const start = (): ChildProcess => {
    hasAnswered = false;
    const child = fork(fileURLToPath(import.meta.resolve('#workers/gpuTelemetry.js')), [], {
      // What a driver prints is not this program's output.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: toolEnvironment(),
      execArgv: [],
      detached: process.platform !== 'win32',
    });
    // Neither the process nor the pipe to it keeps this one alive; a question's deadline does.
    child.unref();
    child.channel?.unref();
    child.on('exit', () => {
      if (running === child) running = undefined;
    });
    // An error also means that it could not be started or told something; the question's own listener reports it.
    child.on('error', () => {
      if (running === child) end();
    });
    return child;
  };

  const end = (): void => {
    clearTimeout(idle);
    const child = running;
    running = undefined;
    if (child?.pid !== undefined) killGroup(child.pid);
    if (child?.connected === true) child.disconnect();
  };

  return {
    ask(question, signal) {
      if (signal.aborted || isAsked) return Promise.resolve({ kind: 'failed', reason: 'not asked' });
      clearTimeout(idle);
      isAsked = true;
      let child: ChildProcess;
      try {
        running ??= start();
        child = running;
      } catch (thrown) {
        isAsked = false;
        return Promise.resolve({ kind: 'failed', reason: String(thrown) });
      }
      const mark = child.pid === undefined ? null : markProcess(child.pid);
      const id = ++turn;
      const patienceMs = hasAnswered ? deadlineMs : firstDeadlineMs;

      return new Promise((resolve) => {
        const settle = (answer: TelemetryAnswer): void => {
          if (!isAsked || id !== turn) return;
          isAsked = false;
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          child.off('message', onMessage);
          child.off('exit', onExit);
          child.off('error', onError);
          if (running === child) idle = setTimeout(end, idleMs).unref();
          resolve(answer);
        };
        const onMessage = (message: unknown): void => {
          if (!isRecord(message) || message['id'] !== id) return;
          hasAnswered = true;
          if ('found' in message) settle({ kind: 'answered', found: message['found'] });
          else settle({ kind: 'failed', reason: String(message['reason']).slice(0, longestReason) });
        };
        const onExit = (exitCode: number | null, name: string | null): void =>
          settle({
            kind: 'failed',
            reason: `the telemetry process ended with ${name ?? `code ${exitCode}`}`,
          });
        const onError = (error: Error): void => settle({ kind: 'failed', reason: error.message });
        const onAbort = (): void => {
          end();
          settle({ kind: 'failed', reason: 'the question was interrupted' });
        };
        const timer = setTimeout(() => {
          end();
          settle({ kind: 'hung', reason: `no answer within ${patienceMs} ms`, process: mark });
        }, patienceMs);
        signal.addEventListener('abort', onAbort);
        child.on('message', onMessage);
        child.on('exit', onExit);
        child.on('error', onError);
        child.send({ id, ...question }, (error) => {
          if (error !== null) onError(error);
        });
      });
    },
    close: end,
  };
}
