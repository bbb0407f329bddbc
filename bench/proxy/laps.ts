/** One arm under closed-loop load of 1 KB requests for some seconds, with the CPU time of everybody who took part. */
import { type Arm, type ArmName, type ArmOptions, startArm } from './arms.js';
import { type LoadResult, runLoad } from './load.js';
import { cpuMicros, treeResidentBytes } from './processTree.js';
import { signRecords } from './signRequests.js';
import type { Cores } from './stage.js';
import { chatAnswer, chatBody, path, requestBytes } from './traffic.js';

export interface Racer {
  readonly label: string;
  readonly isSigned: boolean;
  readonly arm: Arm;
  readonly backendPid: number;
  readonly cores: Cores | null;
  /** Resident memory of the process tree before any load. */
  readonly idleBytes: number | null;
  /** Requests a second as last seen, so that enough of them are signed. */
  rate: number;
}

export interface Lap extends LoadResult {
  readonly proxyCpuUs: number | null;
  readonly backendCpuUs: number;
}

export interface LapOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** More than this the first lap is not given to send; it is repeated with more where that was too few. */
const firstRates: Partial<Record<ArmName, number>> = { 'node-http-viem': 1_500, portkey: 1_500 };
const usualFirstRate = 15_000;

/** By then V8 has compiled what runs often. */
const warmRequests = 20_000;
const mostWarmUps = 4;

/** Started, answering rightly and warm. */
export async function startRacer(
  name: ArmName,
  options: ArmOptions & {
    readonly label: string;
    readonly backendPid: number;
    readonly warmUpSeconds: number;
    readonly warmUpConnections: number;
  },
): Promise<Racer> {
  const { label, isSigned, backendPid, cores, warmUpSeconds, warmUpConnections } = options;
  const arm = await startArm(name, options);
  const idleBytes = arm.pid === undefined ? null : treeResidentBytes(arm.pid);
  const rate = firstRates[name] ?? usualFirstRate;
  const racer: Racer = { label, isSigned, arm, backendPid, cores, idleBytes, rate };
  try {
    await checkAnswer(racer);
    await warmUp(racer, { connections: warmUpConnections, seconds: warmUpSeconds });
  } catch (thrown) {
    await arm.close();
    throw thrown;
  }
  return racer;
}

/** On a busy machine a slow arm needs more time until its code is compiled. */
async function warmUp(racer: Racer, options: LapOptions): Promise<void> {
  if (options.seconds === 0) return;
  for (let lap = 0, requests = 0; lap < mostWarmUps && requests < warmRequests; lap++) {
    requests += (await runLap(racer, options)).requests;
  }
}

export async function runLap(racer: Racer, { connections, seconds }: LapOptions): Promise<Lap> {
  const { label, arm, isSigned, backendPid, cores } = racer;
  for (;;) {
    const records = isSigned
      ? await signRecords({ body: chatBody, port: arm.port, count: Math.ceil(racer.rate * seconds) })
      : requestBytes(chatBody, arm.headers, arm.port);
    const cpuBefore = arm.pid === undefined ? null : cpuMicros(arm.pid);
    const backendBefore = cpuMicros(backendPid);
    const result = await runLoad({
      port: arm.port,
      connections,
      seconds,
      records,
      recordBytes: recordLength(records),
      isRepeated: !isSigned,
      cores: cores?.load,
    });
    if (result.errors > 0) throw new Error(`${label}: ${result.errors} requests failed`);
    if (result.isExhausted) {
      racer.rate *= 2;
      continue;
    }
    // The next lap may be so much faster; the machine may have been busy in this one.
    racer.rate = Math.max(racer.rate * 0.5, (result.requests / result.seconds) * 1.8);
    return {
      ...result,
      proxyCpuUs: arm.pid === undefined || cpuBefore === null ? null : cpuMicros(arm.pid) - cpuBefore,
      backendCpuUs: cpuMicros(backendPid) - backendBefore,
    };
  }
}

/** All records are of the length of the first. */
function recordLength(records: Buffer): number {
  return records.indexOf('\r\n\r\n') + 4 + Buffer.byteLength(chatBody);
}

/** An arm that answers wrongly is no peer; a node that serves a request twice is no node. */
async function checkAnswer({ label, arm, isSigned }: Racer): Promise<void> {
  const request = isSigned
    ? await signRecords({ body: chatBody, port: arm.port, count: 1 })
    : requestBytes(chatBody, arm.headers, arm.port);
  const headers = request
    .toString('latin1', 0, request.indexOf('\r\n\r\n'))
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(': ') as [string, string])
    .filter(([name]) => name !== 'Host' && name !== 'Content-Length');
  const ask = async (): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://127.0.0.1:${arm.port}${path}`, {
      method: 'POST',
      headers,
      body: chatBody,
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, text: await response.text() };
  };
  const { status, text } = await ask();
  if (status !== 200 || contentOf(text) !== contentOf(chatAnswer)) {
    throw new Error(`${label} answers ${status} ${text.slice(0, 300)}`);
  }
  if (!isSigned || arm.name !== 'node') return;
  const replay = await ask();
  if (replay.status !== 401) throw new Error(`${label} answers ${replay.status} to a replay`);
}

function contentOf(text: string): unknown {
  const answer = JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] };
  return answer.choices?.[0]?.message?.content;
}
