/**
 * Uploads of 10 MB through the node, which hashes and verifies them before it asks the backend, and through its peers, in
 * one run, round by round: megabytes a second and CPU per megabyte. `nginx` passes pieces on as they come; `nginx-whole`
 * receives the whole body first, as everybody must who verifies it.
 * `node dist/bench/largeBodies.js [--smoke] [--peers LIST] [--arms LIST] [--counts 1,4] [--rounds N] [--seconds N]`;
 * takes about three minutes, the smoke run 20 s.
 */
import { createHash, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type Arm, type ArmName, presentArms, startArm } from './proxy/arms.js';
import { median, ratio, rounded } from './proxy/figures.js';
import { isWantedArm, readOptions } from './proxy/options.js';
import { cpuMicros, treeResidentBytes } from './proxy/processTree.js';
import { createProfiler } from './proxy/profiler.js';
import { signedHeaders } from './proxy/signRequests.js';
import { ask, dealCores, machineLoad, pin, pinning, startProgram } from './proxy/stage.js';
import { largeBody, requestHead } from './proxy/traffic.js';
import type { UploadFigures, UploadOrder } from './proxy/uploadLoad.js';

interface Contender {
  readonly label: string;
  readonly name: ArmName;
  readonly isSigned: boolean;
}

interface Racer extends Contender {
  readonly arm: Arm;
}

interface Turn {
  readonly mbPerS: number;
  readonly cpuUsPerMb: number | null;
  readonly loadCpuShare: number;
  readonly uploads: number;
}

const options = readOptions();
const counts = options.counts ?? (options.isSmoke ? [1] : [1, 4]);
/** What a node takes at the most unless told otherwise is a little more. */
const bodyBytes = 10_000_000;
/** No arm is expected to do more. */
const mostUploadsPerS = 400;
const body = largeBody(bodyBytes);
const bodySha256 = createHash('sha256').update(body).digest('hex');

const contenders: readonly Contender[] = (
  [
    ['direct', 'direct'],
    ['nginx', 'nginx'],
    ['nginx-whole', 'nginx-whole'],
    ['bare', 'bare'],
    ['node', 'node'],
    ['node-signed', 'node'],
    ['haproxy', 'haproxy'],
    ['node-http', 'node-http'],
    ['node-http-native', 'node-http-native'],
  ] as const
)
  .map(([label, name]) => ({ label, name, isSigned: /-(?:signed|native)$/.test(label) }))
  .filter(({ label, name }) => isWantedArm(options, label, name));
const present = presentArms(contenders.map(({ name }) => name));

const cores = dealCores();
const profiler = options.isProfiled ? createProfiler() : undefined;
const backend = await startProgram('backend', ['whole']);
const load = await startProgram('uploadLoad');
for (const { pid } of [backend, load]) pin(pid, cores?.load);
const racers: Racer[] = [];
try {
  for (const contender of contenders) {
    if (!present.includes(contender.name)) continue;
    const nodeEnv = profiler?.environment ?? {};
    const { name, isSigned } = contender;
    racers.push({
      ...contender,
      arm: await startArm(name, { backendPort: backend.port, cores, isSigned, nodeEnv }),
    });
  }
  if (!options.isSmoke) for (const racer of racers) await turn(racer, 2, 1);
  for (const connections of counts) await race(connections);
} finally {
  for (const { arm } of racers) await arm.close();
  await load.close();
  await backend.close();
}

async function race(connections: number): Promise<void> {
  const turns = new Map<Racer, Turn[]>(racers.map((racer) => [racer, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const racer of racers) {
      const isRecorded = round === 0 && racer.arm.name === 'node';
      const recording = isRecorded ? await profiler?.begin(racer.arm) : undefined;
      turns.get(racer)?.push(await turn(racer, connections, options.seconds));
      await recording?.end(`${racer.label}, uploads, ${connections} connections`);
    }
  }
  report(connections, turns);
}

async function turn({ label, arm, isSigned }: Racer, connections: number, seconds: number): Promise<Turn> {
  const head = (): string => {
    const signature = isSigned ? signedHeaders(bodySha256, randomBytes(8).toString('hex')) : {};
    return requestHead(bodyBytes, { ...arm.headers, ...signature }, arm.port);
  };
  const heads = Array.from({ length: isSigned ? mostUploadsPerS * seconds : 1 }, head);
  const order: UploadOrder = {
    port: arm.port,
    connections,
    seconds,
    bodyBytes,
    heads,
    isRepeated: !isSigned,
  };
  const cpuBefore = arm.pid === undefined ? null : cpuMicros(arm.pid);
  const loadBefore = cpuMicros(load.pid, backend.pid);
  const figures = await ask<UploadFigures>(load, order);
  if (figures.errors > 0 || figures.uploads === 0) {
    throw new Error(`${label}: ${figures.errors} uploads failed, ${figures.uploads} were answered`);
  }
  const megabytes = (figures.uploads * bodyBytes) / 1_000_000;
  const cpuUs = arm.pid === undefined || cpuBefore === null ? null : cpuMicros(arm.pid) - cpuBefore;
  return {
    mbPerS: megabytes / figures.seconds,
    cpuUsPerMb: cpuUs === null ? null : cpuUs / megabytes,
    loadCpuShare: (cpuMicros(load.pid, backend.pid) - loadBefore) / 1_000_000 / figures.seconds,
    uploads: figures.uploads,
  };
}

function report(connections: number, turns: ReadonlyMap<Racer, readonly Turn[]>): void {
  const speedOf = (label: string): number | null => {
    const found = [...turns].find(([racer]) => racer.label === label);
    return found === undefined ? null : median(found[1].map(({ mbPerS }) => mbPerS));
  };
  for (const [{ label, arm }, of] of turns) {
    const mbPerS = speedOf(label);
    const cpu = of.flatMap(({ cpuUsPerMb }) => (cpuUsPerMb === null ? [] : [cpuUsPerMb]));
    console.log(
      JSON.stringify({
        bench: 'largeBodies',
        case: `${connections} connections, ${label}`,
        mbPerS: rounded(mbPerS, 0),
        toNginx: ratio(mbPerS, speedOf('nginx')),
        toNginxWhole: ratio(mbPerS, speedOf('nginx-whole')),
        toBare: ratio(mbPerS, speedOf('bare')),
        cpuUsPerMb: cpu.length === 0 ? null : rounded(median(cpu), 0),
        memoryMb: arm.pid === undefined ? null : rounded(treeResidentBytes(arm.pid) / 1_000_000, 0),
        loadCpuShare: rounded(median(of.map(({ loadCpuShare }) => loadCpuShare))),
        uploads: of.reduce((sum, { uploads }) => sum + uploads, 0),
        rounds: of.length,
        cores: availableParallelism(),
        pinned: pinning(cores),
        machineLoad: machineLoad(),
        command: `node dist/bench/largeBodies.js${options.flags}`,
      }),
    );
  }
}
