/**
 * One node with 1, 2 and 4 fronts under the same closed-loop load, unsigned and signed, in one run, round by round: how
 * throughput and CPU per request grow. With more cores than fronts each front has its own, and load and mock the
 * others; with fewer the fronts share what there is, and only the CPU per request says something.
 * `node dist/bench/scaling.js [--smoke] [--counts 1,2,4] [--rounds N] [--seconds N]`; takes about a minute.
 */
import { availableParallelism } from 'node:os';
import { median, ratio, rounded } from './proxy/figures.js';
import { type Lap, type Racer, runLap, startRacer } from './proxy/laps.js';
import { loadDriver } from './proxy/load.js';
import { readOptions } from './proxy/options.js';
import { dealCores, machineLoad, pin, pinning, startProgram } from './proxy/stage.js';

const options = readOptions();
const counts = options.counts ?? (options.isSmoke ? [1, 2] : [1, 2, 4]);
const connections = options.isSmoke ? 8 : 64;
const warmUpSeconds = options.isSmoke ? 0 : 3;

interface Entry {
  readonly racer: Racer;
  readonly fronts: number;
  readonly laps: Lap[];
}

const backend = await startProgram('backend', ['whole']);
pin(backend.pid, dealCores(Math.max(...counts))?.load);
const entries: Entry[] = [];
try {
  for (const fronts of counts) {
    for (const isSigned of [false, true]) {
      const racer = await startRacer('node', {
        label: isSigned ? 'node-signed' : 'node',
        isSigned,
        fronts,
        cores: dealCores(fronts),
        backendPort: backend.port,
        backendPid: backend.pid,
        warmUpSeconds,
        warmUpConnections: connections,
      });
      entries.push({ racer, fronts, laps: [] });
    }
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const { racer, laps } of entries) {
      laps.push(await runLap(racer, { connections, seconds: options.seconds }));
    }
  }
} finally {
  for (const { racer } of entries) await racer.arm.close();
  await backend.close();
}

const cpuOf = ({ laps }: Entry): number =>
  median(laps.map(({ proxyCpuUs, requests }) => (proxyCpuUs ?? 0) / requests));
const speedOf = ({ laps }: Entry): number => median(laps.map(({ requests, seconds }) => requests / seconds));

for (const entry of entries) {
  const { racer, fronts, laps } = entry;
  const first = entries.find((other) => other.racer.label === racer.label)!;
  console.log(
    JSON.stringify({
      bench: 'scaling',
      case: `${fronts} fronts, ${racer.label}`,
      requestsPerS: rounded(speedOf(entry), 0),
      cpuUsPerRequest: rounded(cpuOf(entry), 1),
      speedToFirst: ratio(speedOf(entry), speedOf(first)),
      cpuToFirst: ratio(cpuOf(entry), cpuOf(first)),
      idleMb: racer.idleBytes === null ? null : rounded(racer.idleBytes / 1_000_000, 0),
      loadCpuShare: rounded(
        median(laps.map(({ cpuUs, backendCpuUs, seconds }) => (cpuUs + backendCpuUs) / 1_000_000 / seconds)),
      ),
      requests: laps.reduce((sum, { requests }) => sum + requests, 0),
      rounds: laps.length,
      connections,
      load: loadDriver,
      cores: availableParallelism(),
      pinned: pinning(racer.cores),
      machineLoad: machineLoad(),
      command: `node dist/bench/scaling.js${options.flags}`,
    }),
  );
}
