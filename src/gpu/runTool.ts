/**
 * Runs a vendor's tool and never waits longer than its deadline: a tool that waits inside a broken driver cannot be
 * ended by any signal until the driver lets go, so at the deadline it is killed and left. The tool leads a process
 * group, so that what a wrapper script started ends with it. Runs in main.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { killGroup, markProcess, type ProcessMark } from './processMark.js';
import { toolEnvironment } from './toolEnvironment.js';

export interface ToolCall {
  /** Looked up on the PATH of `environment`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

export type ToolOutcome =
  | {
      readonly kind: 'ended';
      /** `null` when a signal ended it. */
      readonly exitCode: number | null;
      readonly output: string;
      /** The first line on its standard error, cut. */
      readonly complaint: string;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'hung'; readonly reason: string; readonly process: ProcessMark | null };

/** Tools in Python take about a second for eight GPUs; one that takes longer than this waits for a driver. */
const toolDeadlineMs = 5_000;
/** The largest known output, AMD's for eight GPUs, has about 300 kB. */
const maxOutputBytes = 1024 * 1024;
const maxComplaintLength = 200;

export function runTool(call: ToolCall): Promise<ToolOutcome> {
  const { command, args, signal, deadlineMs = toolDeadlineMs } = call;
  if (signal.aborted) return Promise.resolve({ kind: 'failed', reason: `${command} was not started` });
  let child: ChildProcessByStdio<null, Readable, Readable>;
  try {
    child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: call.environment ?? toolEnvironment(),
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (thrown) {
    return Promise.resolve({ kind: 'failed', reason: `${command}: ${String(thrown)}` });
  }
  const { pid } = child;
  const mark = pid === undefined ? null : markProcess(pid);

  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    let isSettled = false;

    const settle = (outcome: ToolOutcome): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    const giveUp = (outcome: ToolOutcome): void => {
      if (isSettled) return;
      if (pid !== undefined) killGroup(pid);
      child.stdout.destroy();
      child.stderr.destroy();
      // Whether or not it ends, this process may.
      child.unref();
      settle(outcome);
    };
    const onAbort = (): void => giveUp({ kind: 'failed', reason: `${command} was interrupted` });
    const timer = setTimeout(
      () =>
        giveUp({ kind: 'hung', reason: `${command} did not answer within ${deadlineMs} ms`, process: mark }),
      deadlineMs,
    );
    signal.addEventListener('abort', onAbort);

    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > maxOutputBytes) giveUp({ kind: 'failed', reason: `${command} printed more than 1 MiB` });
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < maxComplaintLength) complaint += chunk.toString('latin1', 0, maxComplaintLength);
    });
    child.once('close', (exitCode) => {
      settle({
        kind: 'ended',
        exitCode,
        output: Buffer.concat(chunks).toString('utf8'),
        complaint: (complaint.trim().split('\n')[0] ?? '').slice(0, maxComplaintLength),
      });
    });
    // Kept after settling: a late error must find a listener.
    child.on('error', (error) => {
      const isAbsent = systemErrorCode(error) === 'ENOENT';
      settle(isAbsent ? { kind: 'absent' } : { kind: 'failed', reason: `${command}: ${error.message}` });
    });
  });
}

/** What a tool that printed nothing usable is reported with. */
export function toolFailure(command: string, outcome: Extract<ToolOutcome, { kind: 'ended' }>): string {
  const ending = outcome.exitCode === null ? 'was ended by a signal' : `ended with code ${outcome.exitCode}`;
  return outcome.complaint === '' ? `${command} ${ending}` : `${command} ${ending}: ${outcome.complaint}`;
}
