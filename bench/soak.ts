/**
 * A node for some minutes among backends, clients and RPC endpoints that misbehave at random, with fronts that crash and
 * reloads in between. Every answer is held against what the backends did. Ends with one JSON line, and with an exit
 * code of 1 when something happened that must not: see `violations`, `nodeFaults` and `leaks` there.
 * `node dist/bench/soak.js [--minutes N] [--seed N] [--no-crashes] [--smoke]`; one minute unless told.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FaultyRpc, type RpcFault, startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startTestNetwork } from '#test/chain/network.js';
import { createCaller } from '#test/support/caller.js';
import { orderFile } from '#test/support/frontOrders.js';
import { openDescriptors, residentBytes } from '#test/support/processResources.js';
import { startTestNode } from '#test/support/testNode.js';
import { type ClientKind, createClients } from './soak/clients.js';
import { callersModel, type MoodyBackend, pick, startMoodyBackend } from './soak/moodyBackend.js';
import { createVerdicts } from './soak/verdicts.js';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'no-crashes': { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
});
const durationMs = flags.smoke ? 4_000 : Number(flags.minutes) * 60_000;
const seed = Number(flags.seed);
const fronts = 3;
const clientsAtOnce = 40;
const maxBodyBytes = 256 * 1_024;
/** Below the failures in a row after which a node gives up: each front recovers in between. */
const crashEveryMs = 20_000;
const reloadEveryMs = 5_000;
const rpcMoodEveryMs = 2_000;
const awayEveryMs = 4_000;
const idleMs = [1_000, 5_000, 1_000, 5_000];
const rpcFaults: readonly RpcFault[] = [
  'none',
  'hang',
  'hang_on_calls',
  'rate_limit',
  'rate_limit_in_body',
  'server_error',
  'garbage',
  'wrong_shape',
  'nonsense_results',
  'drop_connection',
];

// An exit, and not a death by the signal, so that node and chain end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const random = createRandom(seed);
const verdicts = createVerdicts();
const crashes: number[] = [];
const absences: number[] = [];
const gateway = createCaller();
const network = await startTestNetwork({ gateways: [gateway.address] });
const rpcs: FaultyRpc[] = [await startFaultyRpc(network.rpcUrl), await startFaultyRpc(network.rpcUrl)];
const backends: MoodyBackend[] = [];
for (const [index, ms] of idleMs.entries()) {
  const model = index % 2 === 0 ? callersModel : 'what the backend calls it';
  backends.push(await startMoodyBackend({ model, idleMs: ms, random, onDeed: verdicts.saw }));
}
const modelBackends = (count: number): object => ({
  models: [
    {
      name: callersModel,
      backends: backends.slice(0, count).map(({ url }, index) => ({
        url,
        maxConcurrency: 6,
        ...(index % 2 === 0 ? {} : { model: 'what the backend calls it' }),
      })),
    },
  ],
});
const commands = mkdtempSync(join(tmpdir(), 'fxn-soak-'));
const node = await startTestNode({
  rpcUrls: rpcs.map(({ url }) => url),
  router: network.routerAddress,
  entry: fileURLToPath(import.meta.resolve('#test/support/crashingMain.js')),
  env: { FXN_TEST_COMMANDS: commands },
  modelBackends: modelBackends(4),
  config: {
    node: { listenPort: 0, threads: fronts, maxBodyBytes: `${maxBodyBytes / 1_024}kb` },
    proxy: {
      // Longer than some backends keep theirs, so that requests meet connections that just close.
      idleConnTimeout: '3s',
      healthInterval: '2s',
      firstByteTimeout: '2s',
      idleTimeout: '2s',
      totalTimeout: '20s',
      queue: { maxWaiting: 24, maxWait: '2s' },
      breaker: { failures: 5, openFor: '1s' },
    },
  },
});
await node.waitForReady();

const clients = createClients({
  port: node.port,
  gateway,
  random,
  verdicts,
  maxBodyBytes,
  circumstancesSince: (sinceMs) => ({
    hasFrontCrashed: crashes.some((atMs) => atMs > sinceMs - 1_000),
    wasBackendAway: absences.some((untilMs) => untilMs > sinceMs),
  }),
});

const startedMs = performance.now();
const sentBy = new Map<ClientKind, number>();
const samples: { readonly minute: number; readonly megabytes: number }[] = [];
let isOver = false;
let reloads = 0;
let ordered = 0;
let descriptorsBefore = Number.POSITIVE_INFINITY;
let hasNodeEnded = false;
void node.exited.then(() => {
  hasNodeEnded = true;
});

const timers = [
  setInterval(() => {
    if (hasNodeEnded) return;
    samples.push({
      minute: (performance.now() - startedMs) / 60_000,
      megabytes: residentBytes(node.pid) / 1_000_000,
    });
    showProgress();
  }, 1_000),
  setInterval(() => {
    const forMs = 200 + random() * 1_500;
    absences.push(performance.now() + forMs + 500);
    pick(backends, random).goAway(forMs);
  }, awayEveryMs),
  setInterval(() => {
    for (const rpc of rpcs) rpc.misbehave(pick(rpcFaults, random));
  }, rpcMoodEveryMs),
  setInterval(() => {
    reloads++;
    void node.reload({ modelBackends: modelBackends(3 + (reloads % 2)) }).catch(() => undefined);
  }, reloadEveryMs),
  setInterval(() => {
    if (flags['no-crashes']) return;
    crashes.push(performance.now());
    ordered++;
    writeFileSync(join(commands, orderFile({ front: ordered % fronts, command: 'throw' })), '');
  }, crashEveryMs),
];

async function client(): Promise<void> {
  while (!isOver && !hasNodeEnded) {
    const kind = await clients.one();
    sentBy.set(kind, (sentBy.get(kind) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, random() * 100));
  }
}

function showProgress(): void {
  if (!process.stderr.isTTY) return;
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const requests = [...sentBy.values()].reduce((sum, count) => sum + count, 0);
  process.stderr.write(
    `\r\x1b[K${seconds} of ${durationMs / 1_000} s, ${requests} requests, ${Math.round(samples.at(-1)?.megabytes ?? 0)} MB, ${verdicts.violations.length} violations, ${verdicts.faults.length} faults of the node`,
  );
}

/** Waits until a reading is 0, and tells the last one. */
async function settle(read: () => Promise<number | undefined>): Promise<number> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const reading = (await read()) ?? 0;
    if (reading <= 0 || performance.now() > deadlineMs) return reading;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Megabytes a minute by least squares over the second half of the run. */
function memorySlope(): number {
  const half = samples.slice(samples.length >> 1);
  const mean = (of: (sample: (typeof half)[number]) => number): number =>
    half.reduce((sum, sample) => sum + of(sample), 0) / half.length;
  const [x, y] = [mean(({ minute }) => minute), mean(({ megabytes }) => megabytes)];
  const covariance = mean(({ minute, megabytes }) => (minute - x) * (megabytes - y));
  return covariance / mean(({ minute }) => (minute - x) ** 2);
}

let exitCode: number | null = null;
const leaks: Record<string, number> = {};
try {
  // What a node at rest has open, connections to backends and RPC endpoints included, counts as its own.
  descriptorsBefore = openDescriptors(node.pid);
  const running = Array.from({ length: clientsAtOnce }, client);
  await new Promise((resolve) => setTimeout(resolve, durationMs));
  isOver = true;
  await Promise.all(running);
  for (const timer of timers) clearInterval(timer);
  for (const backend of backends) backend.calm();
  for (const rpc of rpcs) rpc.misbehave('none');
  if (!hasNodeEnded) {
    for (const name of [
      'fxn_http_in_flight_requests',
      'fxn_upstream_in_flight_requests',
      'fxn_upstream_queued_requests',
    ]) {
      leaks[name] = await settle(() => node.metric(name));
    }
    // Health checks keep one connection per backend in main.
    leaks['backendSockets'] = await settle(async () => {
      const open = backends.reduce((sum, { sockets }) => sum + sockets.size, 0);
      return Math.max(0, open - backends.length);
    });
    leaks['descriptors'] = await settle(async () => openDescriptors(node.pid) - descriptorsBefore);
    await calmRound();
  }
} finally {
  for (const timer of timers) clearInterval(timer);
  exitCode = await node.close();
  for (const backend of backends) await backend.close();
  for (const rpc of rpcs) await rpc.close();
  await network.close();
  rmSync(commands, { recursive: true, force: true });
}

/** Nothing misbehaves any more: from now on everybody must be served. */
async function calmRound(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  absences.length = 0;
  crashes.length = 0;
  const servedBefore = verdicts.outcomes.get('served') ?? 0;
  for (let i = 0; i < 60; i++) await clients.patient();
  const served = (verdicts.outcomes.get('served') ?? 0) - servedBefore;
  if (served !== 60) verdicts.accuse(`only ${served} of 60 were served after everything had calmed down`);
}

for (const line of node.log) {
  const { message } = (line['err'] ?? {}) as { message?: string };
  const isOrdered = message === 'a front was told to throw' || message === 'front thread failed';
  if (
    (line.level === 'error' || line.level === 'fatal') &&
    !isOrdered &&
    line.msg !== 'front thread failed'
  ) {
    verdicts.accuse(`the node said ${JSON.stringify(line)}`);
  }
}
const failures = node.log.filter(({ msg }) => msg === 'front thread failed').length;
if (failures > ordered) verdicts.accuse(`${failures} fronts failed, ${ordered} of them when told to`);
if (exitCode !== 0) verdicts.accuse(`the node ended with ${exitCode}`);
for (const [what, count] of Object.entries(leaks))
  if (count > 0) verdicts.accuse(`left behind: ${count} ${what}`);
const judged = [...verdicts.outcomes.values()].reduce((sum, count) => sum + count, 0);
const nodeFaults = verdicts.outcomes.get('node_fault') ?? 0;
console.log(
  JSON.stringify({
    bench: 'soak',
    case: `${durationMs / 1_000} s, ${fronts} fronts, ${backends.length} backends, ${clientsAtOnce} clients`,
    requests: [...sentBy.values()].reduce((sum, count) => sum + count, 0),
    outcomes: Object.fromEntries(verdicts.outcomes),
    clients: Object.fromEntries(sentBy),
    errorBudget: judged === 0 ? null : nodeFaults / judged,
    nodeFaults: verdicts.faults,
    violations: verdicts.violations,
    leaks,
    crashes: ordered,
    reloads,
    memoryMbPerMinute: samples.length < 4 ? null : Math.round(memorySlope() * 100) / 100,
    memoryMb: Math.round(samples.at(-1)?.megabytes ?? 0),
    seed,
    cores: availableParallelism(),
    command: `node dist/bench/soak.js ${flags.smoke ? '--smoke' : `--minutes ${flags.minutes}`} --seed ${seed}${flags['no-crashes'] ? ' --no-crashes' : ''}`,
  }),
);
process.exitCode = verdicts.violations.length > 0 || nodeFaults > 0 ? 1 : 0;

/** Small and seeded; the course of a run depends on timing as well, so that a seed repeats the mix and not the run. */
function createRandom(from: number): () => number {
  let state = from;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
