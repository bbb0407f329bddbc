/**
 * Closed-loop load on one port for some seconds: so many connections, each with one request at a time, ready bytes only.
 * By `wrk` where it is installed, because it needs a fifth of what JavaScript needs; else by sockets in a process of its
 * own.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endedChildrenMicros } from './processTree.js';
import type { SocketLoadOrder } from './socketLoad.js';
import { findCommand, pin, start, temporaryFolder } from './stage.js';

export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Requests of one length, one behind the other. */
  readonly records: Buffer;
  readonly recordBytes: number;
  /** One record again and again; otherwise each is sent once at most. */
  readonly isRepeated: boolean;
  readonly cores: string | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers that were no 2xx, and connections that failed. */
  readonly errors: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** The records came to their end before the time did: the figures are none. */
  readonly isExhausted: boolean;
  /** CPU of the load generator, in microseconds. */
  readonly cpuUs: number;
}

export const loadDriver = findCommand('wrk') === undefined ? 'sockets' : 'wrk';

export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const folder = mkdtempSync(join(temporaryFolder, 'load-'));
  const file = join(folder, 'records');
  writeFileSync(file, order.records);
  try {
    const result = loadDriver === 'wrk' ? await runWrk(order, folder, file) : await runSockets(order, file);
    const total = order.records.length / order.recordBytes;
    return { ...result, isExhausted: !order.isRepeated && result.requests + order.connections + 2 >= total };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Measured = Omit<LoadResult, 'isExhausted'>;

/** Without a function called `request` wrk takes one request for all; with one it asks it every time. */
function wrkScript(file: string, { recordBytes, isRepeated }: LoadOrder): string {
  const open = `local file = io.open(${JSON.stringify(file)}, 'rb')\n`;
  const send = isRepeated
    ? `local record = file:read(${recordBytes})
wrk.init = function() wrk.request = function() return record end end
`
    : `local records, count, at = {}, 0, 0
while true do
  local record = file:read(${recordBytes})
  if not record then break end
  count = count + 1
  records[count] = record
end
function request()
  at = at + 1
  if at > count then
    wrk.thread:stop()
    return records[count]
  end
  return records[at]
end
`;
  return `${open}${send}file:close()
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"errors":%d,"p50Us":%d,"p99Us":%d}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

async function runWrk(order: LoadOrder, folder: string, file: string): Promise<Measured> {
  const script = join(folder, 'load.lua');
  writeFileSync(script, wrkScript(file, order));
  const args = ['-t1', `-c${order.connections}`, `-d${order.seconds}s`, '--timeout', '10s', '-s', script];
  const cpuBefore = endedChildrenMicros();
  const wrk = start('wrk', [...args, `http://127.0.0.1:${order.port}/`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  pin(wrk.pid, order.cores);
  let text = '';
  wrk.child.stdout?.on('data', (piece) => {
    text += String(piece);
  });
  await once(wrk.child, 'close');
  const found = /^RESULT (.+)$/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`wrk gave no result:\n${text}`);
  const { us, ...rest } = JSON.parse(found) as Omit<Measured, 'seconds' | 'cpuUs'> & { us: number };
  return { ...rest, seconds: us / 1_000_000, cpuUs: endedChildrenMicros() - cpuBefore };
}

async function runSockets(order: LoadOrder, file: string): Promise<Measured> {
  const { port, connections, seconds, recordBytes, isRepeated } = order;
  const program = new URL('./socketLoad.js', import.meta.url).pathname;
  const load = start(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  pin(load.pid, order.cores);
  const message: SocketLoadOrder = { port, connections, seconds, recordBytes, isRepeated, file };
  load.child.send(message);
  const [result] = (await once(load.child, 'message')) as [Measured];
  await load.close();
  return result;
}
