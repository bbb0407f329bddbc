/**
 * How long a node takes to start: to `/ready` with a live RPC, and to `listening` with every RPC dead, beside an
 * empty Node.js process in the same run. `node dist/bench/start.js [--smoke]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startTestNetwork } from '#test/chain/network.js';
import { startTestBackend } from '#test/support/testBackend.js';
import { startTestNode, type TestNodeOptions } from '#test/support/testNode.js';

const command = 'node dist/bench/start.js';
const isSmoke = process.argv.includes('--smoke');
const rounds = isSmoke ? 2 : 15;
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
  if (isReadyAwaited) await node.waitForReady();
  const tookMs = performance.now() - startedAt;
  await node.close();
  return tookMs;
}

const network = await startTestNetwork({ gateways: [] });
const backend = await startTestBackend((_, response) => void response.end());
const common = {
  router: network.routerAddress,
  modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
  privateKeyHex: '11'.repeat(32),
};
try {
  const empty: number[] = [];
  const ready: number[] = [];
  const listening: number[] = [];
  for (let round = 0; round < rounds; round++) {
    empty.push(await timeEmptyProcess());
    ready.push(await timeStart({ ...common, rpcUrls: [network.rpcUrl] }, true));
    listening.push(await timeStart({ ...common, rpcUrls: [deadRpc] }, false));
  }
  const emptyMs = median(empty);
  print('empty Node.js process', empty, emptyMs);
  print('start to /ready, live RPC', ready, emptyMs);
  print('start to listening, every RPC dead', listening, emptyMs);
} finally {
  await backend.close();
  await network.close();
}
