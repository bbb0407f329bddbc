/**
 * Chat requests of 1 KB with answers of 1 KB, closed loop, through the node and its peers in one run, round by round:
 * the CPU time per request of each proxy's whole process tree, its throughput, and the latency with one connection. The
 * verifying arms get signed requests, each with a nonce of its own, signed before the run.
 * `node dist/bench/throughput.js [--smoke] [--peers LIST] [--arms LIST] [--counts 1,8,64] [--rounds N] [--seconds N]`
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { type Arm, type ArmName, presentArms, startArm } from './proxy/arms.js';
import { median, ratio, rounded } from './proxy/figures.js';
import { type LoadResult, loadDriver, runLoad } from './proxy/load.js';
import { type PeerName, readOptions } from './proxy/options.js';
import { cpuMicros } from './proxy/processTree.js';
import { signRecords } from './proxy/signRequests.js';
import { dealCores, machineLoad, pin, startProgram } from './proxy/stage.js';
import { chatAnswer, chatBody, path, requestBytes } from './proxy/traffic.js';

interface Contender {
  readonly label: string;
  readonly name: ArmName;
  readonly isSigned: boolean;
}

interface Racer extends Contender {
  readonly arm: Arm;
  /** Requests a second as last seen, so that enough of them are signed. */
  rate: number;
}

interface Lap extends LoadResult {
  readonly proxyCpuUs: number | null;
  readonly backendCpuUs: number;
}

const options = readOptions();
const counts = options.counts ?? (options.isSmoke ? [4] : [1, 8, 64]);
const warmUpSeconds = options.isSmoke ? 1 : 2;
const firstRates: Partial<Record<ArmName, number>> = { 'node-http-viem': 1_500 };
const usualFirstRate = 15_000;
const peer = (name: PeerName, isSigned = false): Contender[] =>
  options.peers.includes(name) ? [{ label: name, name, isSigned }] : [];
const contenders: readonly Contender[] = [
  { label: 'direct', name: 'direct', isSigned: false },
  { label: 'nginx', name: 'nginx', isSigned: false },
  { label: 'bare', name: 'bare', isSigned: false },
  { label: 'node', name: 'node', isSigned: false },
  { label: 'node-signed', name: 'node', isSigned: true },
  ...peer('haproxy'),
  ...peer('node-http'),
  ...peer('node-http-native', true),
  ...peer('node-http-viem', true),
  ...peer('portkey'),
].filter(({ label, name }) => {
  if (name === 'nginx' && !options.peers.includes('nginx')) return false;
  return options.arms === undefined || options.arms.includes(label);
}) as Contender[];
const present = new Set(presentArms(contenders.map(({ name }) => name)));

const cores = dealCores();
const backend = await startProgram('backend', ['whole']);
pin(backend.pid, cores?.load);
const recover = await startProgram('recoverCost');
pin(recover.pid, cores?.proxy);
const racers: Racer[] = [];
try {
  for (const contender of contenders) {
    if (!present.has(contender.name)) continue;
    const arm = await startArm(contender.name, {
      backendPort: backend.port,
      cores,
      isSigned: contender.isSigned,
    });
    racers.push({ ...contender, arm, rate: firstRates[contender.name] ?? usualFirstRate });
  }
  for (const racer of racers) {
    await checkAnswer(racer);
    await lap(racer, 64, warmUpSeconds);
  }
  for (const connections of counts) await race(connections);
} finally {
  for (const { arm } of racers) await arm.close();
  await recover.close();
  await backend.close();
}

async function race(connections: number): Promise<void> {
  const laps = new Map<Racer, Lap[]>(racers.map((racer) => [racer, []]));
  const recoverUs: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    recoverUs.push(await measureRecovery());
    for (const racer of racers) laps.get(racer)?.push(await lap(racer, connections, options.seconds));
  }
  report(connections, laps, median(recoverUs));
}

/** One arm under load for some seconds. */
async function lap(racer: Racer, connections: number, seconds: number): Promise<Lap> {
  const { arm, isSigned } = racer;
  for (;;) {
    const records = isSigned
      ? await signRecords({ body: chatBody, port: arm.port, count: Math.ceil(racer.rate * seconds) })
      : requestBytes(chatBody, arm.headers, arm.port);
    const recordBytes = requestLength(records);
    const cpuBefore = arm.pid === undefined ? null : cpuMicros(arm.pid);
    const backendBefore = cpuMicros(backend.pid);
    const result = await runLoad({
      port: arm.port,
      connections,
      seconds,
      records,
      recordBytes,
      isRepeated: !isSigned,
      cores: cores?.load,
    });
    if (result.errors > 0) throw new Error(`${racer.label}: ${result.errors} requests failed`);
    if (result.isExhausted) {
      racer.rate *= 2;
      continue;
    }
    // What the next lap may take at the most; a busy machine must not make it sign again.
    racer.rate = Math.max(racer.rate * 0.5, (result.requests / result.seconds) * 1.8);
    return {
      ...result,
      proxyCpuUs: arm.pid === undefined || cpuBefore === null ? null : cpuMicros(arm.pid) - cpuBefore,
      backendCpuUs: cpuMicros(backend.pid) - backendBefore,
    };
  }
}

/** All records are of the length of the first. */
function requestLength(records: Buffer): number {
  return records.indexOf('\r\n\r\n') + 4 + Buffer.byteLength(chatBody);
}

async function measureRecovery(): Promise<number> {
  recover.child.send('measure');
  const [us] = (await once(recover.child, 'message')) as [number];
  return us;
}

/** An arm that answers wrongly is no peer. */
async function checkAnswer({ label, arm, isSigned }: Racer): Promise<void> {
  const request = isSigned
    ? await signRecords({ body: chatBody, port: arm.port, count: 1 })
    : requestBytes(chatBody, arm.headers, arm.port);
  const head = request.toString('latin1', 0, request.indexOf('\r\n\r\n'));
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(': ') as [string, string])
    .filter(([name]) => name !== 'Host' && name !== 'Content-Length');
  const response = await fetch(`http://127.0.0.1:${arm.port}${path}`, {
    method: 'POST',
    headers,
    body: chatBody,
    signal: AbortSignal.timeout(10_000),
  });
  const content = (text: string): unknown =>
    (JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] }).choices?.[0]?.message?.content;
  const text = await response.text();
  if (response.status !== 200 || content(text) !== content(chatAnswer)) {
    throw new Error(`${label} answers ${response.status} ${text.slice(0, 300)}`);
  }
  if (!isSigned || arm.name !== 'node') return;
  const replay = await fetch(`http://127.0.0.1:${arm.port}${path}`, {
    method: 'POST',
    headers,
    body: chatBody,
  });
  await replay.arrayBuffer();
  if (replay.status !== 401) throw new Error(`${label} serves a replay: ${replay.status}`);
}

function report(connections: number, laps: ReadonlyMap<Racer, readonly Lap[]>, recoverUs: number): void {
  const figures = new Map(
    [...laps].map(([{ label }, of]) => {
      const cpu = of.flatMap(({ proxyCpuUs, requests }) =>
        proxyCpuUs === null ? [] : [proxyCpuUs / requests],
      );
      return [
        label,
        {
          cpuUs: cpu.length === 0 ? null : median(cpu),
          cpuRange:
            cpu.length === 0 ? null : [Math.min(...cpu), Math.max(...cpu)].map((us) => rounded(us, 1)),
          perS: median(of.map(({ requests, seconds }) => requests / seconds)),
          p50Us: median(of.map(({ p50Us }) => p50Us)),
          p99Us: median(of.map(({ p99Us }) => p99Us)),
          loadCpuShare: median(of.map((one) => (one.cpuUs + one.backendCpuUs) / 1_000_000 / one.seconds)),
        },
      ] as const;
    }),
  );
  const [direct, nginx, bare, node] = ['direct', 'nginx', 'bare', 'node'].map((label) => figures.get(label));
  for (const [racer, of] of laps) {
    const own = figures.get(racer.label)!;
    const addedUs = racer.label === 'node-signed' && node ? (own.cpuUs ?? 0) - (node.cpuUs ?? 0) : null;
    const isSingle = connections === 1 && direct !== undefined && racer.name !== 'direct';
    const addedP99 = isSingle ? own.p99Us - direct.p99Us : null;
    console.log(
      JSON.stringify({
        bench: 'throughput',
        case: `${connections} connections, ${racer.label}`,
        cpuUsPerRequest: rounded(own.cpuUs, 1),
        toNginx: ratio(own.cpuUs, nginx?.cpuUs),
        toBare: ratio(own.cpuUs, bare?.cpuUs),
        range: own.cpuRange,
        requestsPerS: rounded(own.perS, 0),
        p50Us: own.p50Us,
        p99Us: own.p99Us,
        ...(isSingle
          ? {
              addedP50Us: rounded(own.p50Us - direct.p50Us, 0),
              addedP99Us: rounded(addedP99, 0),
              addedP99ToNginx: nginx ? ratio(addedP99, nginx.p99Us - direct.p99Us) : null,
            }
          : {}),
        ...(racer.isSigned
          ? {
              recoverUs: rounded(recoverUs, 1),
              authAddedUs: rounded(addedUs, 1),
              authToRecover: ratio(addedUs, recoverUs),
            }
          : {}),
        loadCpuShare: rounded(own.loadCpuShare),
        requests: of.reduce((sum, { requests }) => sum + requests, 0),
        rounds: of.length,
        load: loadDriver,
        cores: availableParallelism(),
        pinned: cores === null ? null : `proxy ${cores.proxy}, load and mock ${cores.load}`,
        machineLoad: machineLoad(),
        command: `node dist/bench/throughput.js${options.flags}`,
      }),
    );
  }
}
