/**
 * How long a node takes to start: to `/ready` with a live RPC, and to `listening` with every RPC dead, beside an
 * empty Node.js process in the same run; and the memory that a node with one front keeps when it has nothing to do.
 * Give an unpacked older build to compare with it in the same run, turn by turn.
 * `node dist/bench/start.js [--smoke] [--against DIST/main.js]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startTestNetwork } from '#test/chain/network.js';
import { startTestBackend } from '#test/support/testBackend.js';
import { startTestNode, type TestNodeOptions } from '#test/support/testNode.js';

const { values: flags } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, against: { type: 'string' } },
});
const command = ['node dist/bench/start.js', ...process.argv.slice(2)].join(' ');
const rounds = flags.smoke ? 2 : 15;
/** What threads allocated while they started is collected meanwhile, or it stays. */
const idleMs = flags.smoke ? 1_000 : 30_000;
const readyPollMs = 5;
/** Nothing listens there: every connection is refused at once, as by an RPC host that is down. */
const deadRpc = 'http://127.0.0.1:1';

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function print(name: string, timesMs: readonly number[], emptyMs: number): void {
  const medianMs = median(timesMs);
  console.log(
    JSON.stringify({
      bench: 'start',
      case: name,
      medianMs: Math.round(medianMs),
      minMs: Math.round(Math.min(...timesMs)),
      maxMs: Math.round(Math.max(...timesMs)),
      rounds: timesMs.length,
      ratioToEmptyProcess: Number((medianMs / emptyMs).toFixed(2)),
      command,
    }),
  );
}

async function timeEmptyProcess(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0']), 'exit');
  return performance.now() - startedAt;
}

async function timeStart(options: TestNodeOptions, isReadyAwaited: boolean): Promise<number> {
  const startedAt = performance.now();
  const node = await startTestNode({ ...options, pastReplayMark: false });
  if (isReadyAwaited) await node.waitForReady({ pollMs: readyPollMs });
  const tookMs = performance.now() - startedAt;
  await node.close();
  return tookMs;
}

/** Resident memory in MB after a while without requests; null where the system does not say. */
async function measureIdle(options: TestNodeOptions): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  const node = await startTestNode({
    ...options,
    config: { node: { listenPort: 0, threads: 1, drainTimeout: '5s' } },
    pastReplayMark: false,
  });
  await node.waitForReady();
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const status = readFileSync(`/proc/${node.pid}/status`, 'utf8');
  await node.close();
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1_024);
}

const network = await startTestNetwork({ gateways: [] });
const backend = await startTestBackend((_, response) => void response.end());
const common = {
  router: network.routerAddress,
  modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
  privateKeyHex: '11'.repeat(32),
};
/** What is measured, and the build it is compared with. */
const builds = [
  { label: '', entry: undefined },
  ...(flags.against === undefined ? [] : [{ label: ', the other build', entry: flags.against }]),
].map(({ label, entry }) => ({
  label,
  options: { ...common, ...(entry !== undefined && { entry }) },
  ready: [] as number[],
  listening: [] as number[],
}));
try {
  const empty: number[] = [];
  for (let round = 0; round < rounds; round++) {
    empty.push(await timeEmptyProcess());
    // Who goes first changes, so that neither always follows the other.
    for (const { options, ready, listening } of round % 2 === 0 ? builds : [...builds].reverse()) {
      ready.push(await timeStart({ ...options, rpcUrls: [network.rpcUrl] }, true));
      listening.push(await timeStart({ ...options, rpcUrls: [deadRpc] }, false));
    }
  }
  const emptyMs = median(empty);
  print('empty Node.js process', empty, emptyMs);
  for (const { label, ready, listening } of builds) {
    print(`start to /ready, live RPC${label}`, ready, emptyMs);
    print(`start to listening, every RPC dead${label}`, listening, emptyMs);
  }
  for (const { label, options } of builds) {
    const rssMb = await measureIdle({ ...options, rpcUrls: [network.rpcUrl] });
    const seconds = idleMs / 1_000;
    const name = `resident memory, one front, ${seconds} s idle${label}`;
    console.log(JSON.stringify({ bench: 'start', case: name, rssMb, command }));
  }
} finally {
  await backend.close();
  await network.close();
}
