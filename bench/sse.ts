/**
 * Streams paced as tokens are, through the node and its peers in one run, round by round: CPU per frame, how much later
 * a frame arrives than without a proxy, the time to the first frame beside the open streams, frames that were merged
 * though the proxy was idle between them, and memory per stream. Frames carry the time at which they were written.
 * `node dist/bench/sse.js [--smoke] [--peers LIST] [--arms LIST] [--counts 64,256,1000] [--pattern spread|together]
 * [--rounds N] [--seconds N]`; takes about seven minutes, the smoke run half a minute.
 */
import { availableParallelism } from 'node:os';
import { type Arm, type ArmName, presentArms, startArm } from './proxy/arms.js';
import { median, ratio, rounded } from './proxy/figures.js';
import { isWantedArm, readOptions } from './proxy/options.js';
import { cpuMicros, treeResidentBytes } from './proxy/processTree.js';
import { createProfiler } from './proxy/profiler.js';
import { ask, dealCores, machineLoad, pin, pinning, type Started, startProgram } from './proxy/stage.js';
import type { FrameFigures, ProbeFigures, StreamOrder } from './proxy/streamLoad.js';

interface Turn extends FrameFigures, ProbeFigures {
  readonly cpuUsPerFrame: number | null;
  readonly bytesPerStream: number | null;
  readonly loadCpuShare: number;
}

interface Stand {
  readonly backend: Started & { readonly port: number };
  readonly load: Started;
  readonly arms: readonly Arm[];
}

const options = readOptions();
const counts = options.counts ?? (options.isSmoke ? [8] : [64, 256, 1_000]);
/** Together 5,000 frames a second at the most, so that load and mock have time to spare. */
const paceMs = (streams: number): number => (streams > 256 ? 200 : 50);
const openEveryMs = 2;
const settleMs = options.isSmoke ? 100 : 1_000;
const probes = options.isSmoke ? 10 : 100;
const probeEveryMs = 20;
const probeMs = 6_000;
const warmUpMs = 3_000;
const warmUps = options.isSmoke ? 10 : 500;

const wanted = (['direct', 'nginx', 'bare', 'node', 'haproxy', 'node-http'] as const).filter((name) =>
  isWantedArm(options, name, name),
);
const names: ArmName[] = presentArms(wanted);
const cores = dealCores();
const profiler = options.isProfiled ? createProfiler() : undefined;

for (const streams of counts) {
  const stand = await prepare(streams);
  try {
    await race(streams, stand);
  } finally {
    for (const { close } of [...stand.arms, stand.load, stand.backend]) await close();
  }
}

/** Everything anew for each count, so that memory is that of these streams. */
async function prepare(streams: number): Promise<Stand> {
  const backend = await startProgram('backend', [options.pattern, String(paceMs(streams))]);
  const load = await startProgram('streamLoad');
  for (const { pid } of [backend, load]) pin(pid, cores?.load);
  const arms: Arm[] = [];
  for (const name of names) {
    const nodeEnv = profiler?.environment ?? {};
    arms.push(
      await startArm(name, {
        backendPort: backend.port,
        cores,
        isSigned: false,
        isStreaming: true,
        nodeEnv,
      }),
    );
  }
  for (const { port, headers } of arms) {
    await order(load, { do: 'probe', port, headers, count: warmUps, everyMs: 0, forMs: warmUpMs });
    await order(load, { do: 'open', port, headers, streams: 16, everyMs: openEveryMs });
    await sleep(settleMs);
    await order(load, { do: 'close' });
  }
  await sleep(settleMs);
  return { backend, load, arms };
}

async function race(streams: number, stand: Stand): Promise<void> {
  const turns = new Map<Arm, Turn[]>(stand.arms.map((arm) => [arm, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const arm of stand.arms) {
      const isRecorded = round === 0 && arm.name === 'node';
      turns.get(arm)?.push(await turn(streams, arm, { stand, isRecorded }));
    }
  }
  report(streams, turns);
}

async function turn(
  streams: number,
  arm: Arm,
  { stand, isRecorded }: { stand: Stand; isRecorded: boolean },
): Promise<Turn> {
  const { load, backend } = stand;
  const { port, headers, pid } = arm;
  const memoryBefore = pid === undefined ? 0 : treeResidentBytes(pid);
  await order(load, { do: 'open', port, headers, streams, everyMs: openEveryMs });
  await sleep(settleMs);
  const recording = isRecorded ? await profiler?.begin(arm) : undefined;
  const cpuBefore = pid === undefined ? 0 : cpuMicros(pid);
  const loadBefore = cpuMicros(load.pid, backend.pid);
  const forMs = options.seconds * 1_000;
  const frames = await order<FrameFigures>(load, { do: 'measure', forMs });
  const cpuUs = pid === undefined ? null : cpuMicros(pid) - cpuBefore;
  const loadCpuUs = cpuMicros(load.pid, backend.pid) - loadBefore;
  await recording?.end(`node, ${streams} streams`);
  const memory = pid === undefined ? null : treeResidentBytes(pid) - memoryBefore;
  const first = await order<ProbeFigures>(load, {
    do: 'probe',
    port,
    headers,
    count: probes,
    everyMs: probeEveryMs,
    forMs: probeMs,
  });
  await order(load, { do: 'close' });
  await sleep(settleMs);
  if (frames.cut > 0) throw new Error(`${arm.name}: ${frames.cut} of ${streams} streams were cut`);
  const least = (streams * forMs) / paceMs(streams) / 2;
  if (frames.frames < least) throw new Error(`${arm.name}: only ${frames.frames} frames arrived`);
  return {
    ...frames,
    ...first,
    cpuUsPerFrame: cpuUs === null ? null : cpuUs / frames.frames,
    bytesPerStream: memory === null ? null : memory / streams,
    loadCpuShare: loadCpuUs / 1_000 / forMs,
  };
}

function order<Answer>(load: Started, what: StreamOrder): Promise<Answer> {
  return ask<Answer>(load, what);
}

interface Figures {
  readonly cpuUs: number | null;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly firstP50Us: number;
  readonly firstP99Us: number;
}

function figuresOf(turns: readonly Turn[]): Figures {
  const cpu = turns.flatMap(({ cpuUsPerFrame }) => (cpuUsPerFrame === null ? [] : [cpuUsPerFrame]));
  return {
    cpuUs: cpu.length === 0 ? null : median(cpu),
    p50Us: median(turns.map(({ p50Us }) => p50Us)),
    p99Us: median(turns.map(({ p99Us }) => p99Us)),
    firstP50Us: median(turns.map(({ firstP50Us }) => firstP50Us)),
    firstP99Us: median(turns.map(({ firstP99Us }) => firstP99Us)),
  };
}

function report(streams: number, turns: ReadonlyMap<Arm, readonly Turn[]>): void {
  const figures = new Map([...turns].map(([{ name }, of]) => [name, figuresOf(of)]));
  const [direct, nginx, bare] = (['direct', 'nginx', 'bare'] as const).map((name) => figures.get(name));
  /** What the proxy adds, and how often that is what nginx adds. */
  const added = (own: Figures, key: 'p50Us' | 'p99Us' | 'firstP50Us' | 'firstP99Us') => {
    const beyond = direct === undefined ? null : own[key] - direct[key];
    const nginxBeyond = direct === undefined || nginx === undefined ? null : nginx[key] - direct[key];
    return { us: rounded(beyond, 0), toNginx: ratio(beyond, nginxBeyond) };
  };
  for (const [{ name }, of] of turns) {
    const own = figures.get(name)!;
    const isDirect = name === 'direct';
    const [p50, p99, first] = [added(own, 'p50Us'), added(own, 'p99Us'), added(own, 'firstP50Us')];
    // Later rounds find the memory of the first one still there; that of a few streams is lost in that of the heap.
    const perStream = streams < 64 ? null : (of[0]?.bytesPerStream ?? null);
    console.log(
      JSON.stringify({
        bench: 'sse',
        case: `${streams} streams, ${name}`,
        cpuUsPerFrame: rounded(own.cpuUs, 1),
        toNginx: ratio(own.cpuUs, nginx?.cpuUs),
        toBare: ratio(own.cpuUs, bare?.cpuUs),
        frameP50Us: rounded(own.p50Us, 0),
        frameP99Us: rounded(own.p99Us, 0),
        firstP50Us: rounded(own.firstP50Us, 0),
        firstP99Us: rounded(own.firstP99Us, 0),
        ...(isDirect
          ? {}
          : {
              addedFrameP50Us: p50.us,
              addedFrameP99Us: p99.us,
              addedFrameP99ToNginx: p99.toNginx,
              addedFirstP50Us: first.us,
              addedFirstP50ToNginx: first.toNginx,
            }),
        merged: of.reduce((sum, { merged }) => sum + merged, 0),
        frames: of.reduce((sum, { frames }) => sum + frames, 0),
        kbPerStream: perStream === null ? null : rounded(perStream / 1_000, 1),
        loadCpuShare: rounded(median(of.map(({ loadCpuShare }) => loadCpuShare))),
        pattern: `${options.pattern}, a frame every ${paceMs(streams)} ms`,
        rounds: of.length,
        cores: availableParallelism(),
        pinned: pinning(cores),
        machineLoad: machineLoad(),
        command: `node dist/bench/sse.js${options.flags}`,
      }),
    );
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
