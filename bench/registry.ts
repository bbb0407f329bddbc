/**
 * What 10,000 gateways cost: reading them from a real chain, publishing them to the shared cell, looking one up.
 * Prints one JSON line per case. `node dist/bench/registry.js [--smoke]`; takes about 15 s, the smoke run 3.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatewayKind } from '#src/contracts/registryKinds.js';
import { createRpcEndpoints } from '#src/contracts/rpcEndpoints.js';
import type { AddressText } from '#src/lib/address.js';
import { systemClock } from '#src/lib/clock.js';
import { createLogger } from '#src/logger/logger.js';
import { startContractRegistry } from '#src/registry/contractRegistry.js';
import { createRegistryCell } from '#src/registry/registrySnapshot.js';
import { openRegistryView } from '#src/registry/registryView.js';
import { startTestNetwork } from '#test/chain/network.js';

const isSmoke = process.argv.includes('--smoke');
const gateways = isSmoke ? 500 : 10_000;
const refreshes = isSmoke ? 1 : 5;
const lookups = isSmoke ? 20_000 : 2_000_000;

const report = (values: Record<string, number | string>): void =>
  console.log(
    JSON.stringify({ bench: 'registry', command: 'node dist/bench/registry.js', gateways, ...values }),
  );

const rounded = (value: number): number => Math.round(value * 10) / 10;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;
const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const snapshotsFolder = mkdtempSync(join(tmpdir(), 'fxn-bench-'));
const networks = {
  multicall: await startTestNetwork({ multicall: true }),
  separate: await startTestNetwork({ multicall: false }),
};

try {
  for (const [mode, network] of Object.entries(networks)) {
    await network.gateways.registerMany(gateways);
    const rssBefore = process.memoryUsage.rss();
    const cell = createRegistryCell();
    const registry = startContractRegistry({
      kind: gatewayKind,
      endpoints: createRpcEndpoints({
        urls: [network.rpcUrl],
        chainId: network.chainId,
        callTimeoutMs: 30_000,
      }),
      router: network.routerAddress as AddressText,
      confirmations: 0,
      pollIntervalMs: 3_600_000,
      maxStalenessMs: 3_600_000,
      cell,
      snapshotsFolder: join(snapshotsFolder, mode),
      clock: systemClock,
      log: createLogger({ level: 'error', thread: 'registry', descriptor: 2 }),
      onRead: () => undefined,
    });
    await registry.refresh();
    const wallMs: number[] = [];
    const cpuMs: number[] = [];
    for (let i = 0; i < refreshes; i++) {
      await network.mine();
      const [wall, cpu] = [performance.now(), processorMs()];
      await registry.refresh();
      wallMs.push(performance.now() - wall);
      cpuMs.push(processorMs() - cpu);
    }
    const { entries } = registry.status();
    if (entries !== gateways) throw new Error(`read ${entries} of ${gateways} gateways`);
    report({
      case: `refresh, ${mode}`,
      refreshMs: rounded(median(wallMs)),
      nodeCpuMs: rounded(median(cpuMs)),
      cellBytes: cell.byteLength,
      rssDeltaBytes: process.memoryUsage.rss() - rssBefore,
    });
    if (mode === 'multicall') {
      benchLookups(cell);
      benchFirstRead(cell);
    }
    await registry.close();
  }
} finally {
  for (const network of Object.values(networks)) await network.close();
  rmSync(snapshotsFolder, { recursive: true, force: true });
}

/** Half of the addresses are absent; the empty loop is measured beside it, so that the ratio means something. */
function benchLookups(cell: SharedArrayBuffer): void {
  const view = openRegistryView({ cell, maxStalenessMs: 3_600_000, clock: systemClock });
  const present = Int32Array.from(firstAddress(cell));
  const absent = new Int32Array(5).fill(0x5a5a5a5a);
  const round = (look: (words: Int32Array) => number): number => {
    let found = 0;
    const started = performance.now();
    for (let i = 0; i < lookups; i++) found += look((i & 1) === 0 ? present : absent);
    const ns = ((performance.now() - started) * 1e6) / lookups;
    if (found !== lookups / 2) throw new Error(`found ${found} of ${lookups / 2}`);
    return ns;
  };
  const viaView = (words: Int32Array): number => (view.isFresh() ? view.lookup(words) & 1 : 0);
  const byMap = new Map([[Buffer.from(present.buffer).toString('hex'), 1]]);
  const viaMap = (words: Int32Array): number =>
    byMap.get(Buffer.from(words.buffer, words.byteOffset, 20).toString('hex')) ?? 0;
  round(viaView);
  round(viaMap);
  const [a, b, again] = [round(viaView), round(viaMap), round(viaView)];
  report({
    case: 'lookup with freshness, beside a Map of hex text',
    lookupNs: rounded((a + again) / 2),
    mapNs: rounded(b),
    ratio: rounded((a + again) / 2 / b),
  });
}

/** What the first request after a poll pays: copying and checking the cell. */
function benchFirstRead(cell: SharedArrayBuffer): void {
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const view = openRegistryView({ cell, maxStalenessMs: 3_600_000, clock: systemClock });
    const started = performance.now();
    if (view.snapshot() === undefined) throw new Error('the cell is empty');
    times.push(performance.now() - started);
  }
  report({ case: 'first read of a generation', microseconds: rounded(median(times) * 1_000) });
}

/** Any address of the index, found in the bytes of the cell: the first used slot behind the headers. */
function firstAddress(cell: SharedArrayBuffer): number[] {
  const view = openRegistryView({ cell, maxStalenessMs: 3_600_000, clock: systemClock });
  const words = new Int32Array(cell);
  for (let at = 16; at + 5 < words.length; at++) {
    const candidate = words.subarray(at, at + 5);
    if (candidate[0] !== 0 && view.lookup(candidate) !== 0) return [...candidate];
  }
  throw new Error('the cell holds no address');
}
