/**
 * A node that is offered twice what its backend can do, beside the most that the backend gave before and after: what is
 * left of the goodput, and how soon the others are refused. Backend and load run in processes of their own.
 * `full line`: the line is short, refusals are 429. `late`: it is long, and those who wait too long get 503.
 * `node dist/bench/overload.js [--smoke]`; takes about 75 s, the smoke run 10.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startBypassNode } from '#test/support/bypassNode.js';
import type { LoadOrder, LoadResult } from './overload/load.js';

const isSmoke = process.argv.includes('--smoke');
/** With 80 ms that is 400 a second at most: so few that two cores carry node, backend and load with time to spare. */
const maxConcurrency = 32;
const serviceMs = 80;
const warmUpMs = isSmoke ? 200 : 1_500;
const measuredMs = isSmoke ? 500 : 5_000;
const maxWaitMs = 300;

const queues = {
  'full line': { maxWaiting: 32, maxWait: '10s' },
  late: { maxWaiting: 10_000, maxWait: `${maxWaitMs}ms` },
} as const;

const rounded = (value: number): number => Math.round(value * 100) / 100;
const at = (sorted: readonly number[], share: number): number | null => {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? null : rounded(value);
};

function start(name: string, ...args: string[]): ChildProcess {
  return fork(fileURLToPath(import.meta.resolve(`./overload/${name}.js`)), args);
}

async function ask(load: ChildProcess, order: LoadOrder): Promise<LoadResult> {
  load.send(order);
  const [result] = (await once(load, 'message')) as [LoadResult];
  return result;
}

const backend = start('backend', String(serviceMs));
const [backendPort] = (await once(backend, 'message')) as [number];
const load = start('load');
let failed = '';
try {
  for (const [name, queue] of Object.entries(queues)) {
    for (const threads of [1, 2, 4]) {
      const node = await startBypassNode({
        modelBackends: {
          models: [{ name: 'm', backends: [{ url: `http://127.0.0.1:${backendPort}`, maxConcurrency }] }],
        },
        config: {
          node: { listenPort: 0, threads },
          proxy: { queue, healthInterval: '1h' },
        },
      });
      const common = { port: node.port, warmUpMs, measuredMs };
      const full: LoadOrder = { ...common, mode: 'closed', amount: maxConcurrency + 8 };
      const before = await ask(load, full);
      const overload = await ask(load, { ...common, mode: 'open', amount: Math.round(2 * before.goodput) });
      const after = await ask(load, full);
      await node.close();
      const peak = (before.goodput + after.goodput) / 2;
      const lateMs = overload.rejects['503'].map((ms) => ms - maxWaitMs);
      const unexpected = Object.keys(overload.counts).filter((status) => !/^(200|429|503)$/.test(status));
      if (unexpected.length > 0) failed = `${name}: ${JSON.stringify(overload.counts)}`;
      console.log(
        JSON.stringify({
          bench: 'overload',
          case: `${name}, ${threads} fronts`,
          peakPerS: rounded(peak),
          offeredPerS: overload.offered,
          goodputPerS: overload.goodput,
          goodputToPeak: rounded(overload.goodput / peak),
          ...(name === 'late'
            ? { refusedLateP50Ms: at(lateMs, 0.5), refusedLateP99Ms: at(lateMs, 0.99) }
            : {
                refusedP50Ms: at(overload.rejects['429'], 0.5),
                refusedP99Ms: at(overload.rejects['429'], 0.99),
              }),
          served: overload.counts['200'] ?? 0,
          full429: overload.counts['429'] ?? 0,
          late503: overload.counts['503'] ?? 0,
          cut: overload.counts['cut'] ?? 0,
          loadLagP99Ms: rounded(overload.lagP99Ms),
          cores: availableParallelism(),
          command: `node dist/bench/overload.js${isSmoke ? ' --smoke' : ''}`,
        }),
      );
    }
  }
} finally {
  load.disconnect();
  backend.disconnect();
}
if (failed !== '') throw new Error(`an answer that is neither whole nor a refusal: ${failed}`);
