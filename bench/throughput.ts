/**
 * Chat requests of 1 KB with answers of 1 KB, closed loop, through the node and its peers in one run, round by round:
 * the CPU time per request of each proxy's whole process tree, its throughput, and the latency with one connection. The
 * verifying arms get signed requests, each with a nonce of its own, signed before the run.
 * `node dist/bench/throughput.js [--smoke] [--profile] [--peers LIST] [--arms LIST] [--counts 1,8,64] [--rounds N]
 * [--seconds N]`; takes about eight minutes, the smoke run half a minute.
 */
import { availableParallelism } from 'node:os';
import { type ArmName, presentArms } from './proxy/arms.js';
import { median, ratio, rounded } from './proxy/figures.js';
import { type Lap, type Racer, runLap, startRacer } from './proxy/laps.js';
import { loadDriver } from './proxy/load.js';
import { isWantedArm, readOptions } from './proxy/options.js';
import { createProfiler } from './proxy/profiler.js';
import { ask, dealCores, machineLoad, pin, pinning, startProgram } from './proxy/stage.js';

interface Contender {
  readonly label: string;
  readonly name: ArmName;
  readonly isSigned: boolean;
}

interface Figures {
  readonly cpuUs: number | null;
  readonly cpuRange: readonly (number | null)[] | null;
  readonly perS: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly loadCpuShare: number;
}

const options = readOptions();
const counts = options.counts ?? (options.isSmoke ? [4] : [1, 8, 64]);
const warmUp = options.isSmoke
  ? { warmUpSeconds: 0, warmUpConnections: 4 }
  : { warmUpSeconds: 3, warmUpConnections: 64 };
const unsigned = (name: ArmName): Contender => ({ label: name, name, isSigned: false });
const signed = (name: ArmName, label: string = name): Contender => ({ label, name, isSigned: true });
const all: readonly Contender[] = [
  unsigned('direct'),
  unsigned('nginx'),
  unsigned('bare'),
  unsigned('node'),
  signed('node', 'node-signed'),
  unsigned('haproxy'),
  unsigned('node-http'),
  signed('node-http-native'),
  signed('node-http-viem'),
  unsigned('portkey'),
];
const wanted = all.filter(({ label, name }) => isWantedArm(options, label, name));
const present = presentArms(wanted.map(({ name }) => name));
const contenders = wanted.filter(({ name }) => present.includes(name));

const cores = dealCores();
const profiler = options.isProfiled ? createProfiler() : undefined;
const backend = await startProgram('backend', ['whole']);
pin(backend.pid, cores?.load);
const recover = await startProgram('recoverCost');
pin(recover.pid, cores?.proxy);
const racers: Racer[] = [];
try {
  for (const { label, name, isSigned } of contenders) {
    racers.push(
      await startRacer(name, {
        label,
        isSigned,
        cores,
        ...warmUp,
        backendPort: backend.port,
        backendPid: backend.pid,
        ...(profiler === undefined ? {} : { nodeEnv: profiler.environment }),
      }),
    );
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
    recoverUs.push(await ask<number>(recover, {}));
    for (const racer of racers) {
      const isRecorded = round === 0 && racer.arm.name === 'node';
      const recording = isRecorded ? await profiler?.begin(racer.arm) : undefined;
      laps.get(racer)?.push(await runLap(racer, { connections, seconds: options.seconds }));
      await recording?.end(`${racer.label}, ${connections} connections`);
    }
  }
  report(connections, laps, median(recoverUs));
}

function figuresOf(laps: readonly Lap[]): Figures {
  const cpu = laps.flatMap(({ proxyCpuUs, requests }) =>
    proxyCpuUs === null ? [] : [proxyCpuUs / requests],
  );
  return {
    cpuUs: cpu.length === 0 ? null : median(cpu),
    cpuRange: cpu.length === 0 ? null : [Math.min(...cpu), Math.max(...cpu)].map((us) => rounded(us, 1)),
    perS: median(laps.map(({ requests, seconds }) => requests / seconds)),
    p50Us: median(laps.map(({ p50Us }) => p50Us)),
    p99Us: median(laps.map(({ p99Us }) => p99Us)),
    loadCpuShare: median(
      laps.map(({ cpuUs, backendCpuUs, seconds }) => (cpuUs + backendCpuUs) / 1_000_000 / seconds),
    ),
  };
}

function report(connections: number, laps: ReadonlyMap<Racer, readonly Lap[]>, recoverUs: number): void {
  const figures = new Map([...laps].map(([{ label }, of]) => [label, figuresOf(of)]));
  for (const [racer, of] of laps) {
    const own = figures.get(racer.label)!;
    console.log(
      JSON.stringify({
        bench: 'throughput',
        case: `${connections} connections, ${racer.label}`,
        cpuUsPerRequest: rounded(own.cpuUs, 1),
        toNginx: ratio(own.cpuUs, figures.get('nginx')?.cpuUs),
        toBare: ratio(own.cpuUs, figures.get('bare')?.cpuUs),
        range: own.cpuRange,
        requestsPerS: rounded(own.perS, 0),
        p50Us: rounded(own.p50Us, 0),
        p99Us: rounded(own.p99Us, 0),
        ...addedLatency(connections, racer.label, figures),
        ...addedByAuthentication(racer, figures, recoverUs),
        idleMb: racer.idleBytes === null ? null : rounded(racer.idleBytes / 1_000_000, 0),
        loadCpuShare: rounded(own.loadCpuShare),
        requests: of.reduce((sum, { requests }) => sum + requests, 0),
        rounds: of.length,
        load: loadDriver,
        cores: availableParallelism(),
        pinned: pinning(cores),
        machineLoad: machineLoad(),
        command: `node dist/bench/throughput.js${options.flags}`,
      }),
    );
  }
}

/** With one connection: what the proxy adds to the latency without one. */
function addedLatency(
  connections: number,
  label: string,
  figures: ReadonlyMap<string, Figures>,
): Record<string, number | null> {
  const [own, direct, nginx] = [label, 'direct', 'nginx'].map((name) => figures.get(name));
  if (connections !== 1 || own === undefined || direct === undefined || own === direct) return {};
  const addedP99Us = own.p99Us - direct.p99Us;
  return {
    addedP50Us: rounded(own.p50Us - direct.p50Us, 0),
    addedP99Us: rounded(addedP99Us, 0),
    addedP99ToNginx: nginx === undefined ? null : ratio(addedP99Us, nginx.p99Us - direct.p99Us),
  };
}

/** What authentication adds to the CPU time of the same proxy without it, beside one recovery of a signer. */
function addedByAuthentication(
  { label, isSigned }: Racer,
  figures: ReadonlyMap<string, Figures>,
  recoverUs: number,
): Record<string, number | null> {
  if (!isSigned) return {};
  const without = figures.get(label.startsWith('node-http') ? 'node-http' : 'node')?.cpuUs ?? null;
  const own = figures.get(label)?.cpuUs ?? null;
  const added = own === null || without === null ? null : own - without;
  return {
    recoverUs: rounded(recoverUs, 1),
    authAddedUs: rounded(added, 1),
    authToRecover: ratio(added, recoverUs),
  };
}
