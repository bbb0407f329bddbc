/**
 * What the replay table costs at its default capacity with a million live nonces: memory, and a claim at
 * several fills, replayed, refused, and with two threads at once. Beside it in the same run: an LRU cache and a
 * Map keyed by text, which a single thread could use for itself and which threads cannot share.
 * An empty table costs more per claim than a used one: the kernel finds a page for nearly every entry.
 * `node dist/bench/replayTable.js [--smoke]`; takes about 10 s, the smoke run one.
 */
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { createReplayTable, ReplayTable, type TableClaimResult } from '#src/shm/replayTable.js';

interface ThreadData {
  readonly table: SharedArrayBuffer;
  /** One word: how many threads stand at the line. */
  readonly line: SharedArrayBuffer;
  /** Nanoseconds per claim of each thread. */
  readonly results: SharedArrayBuffer;
  readonly thread: number;
  readonly threads: number;
  readonly claims: number;
}

/** A claim of the i-th pair with its nonce, which is made before the clock runs. */
type Claim = (i: number, nonce: string) => TableClaimResult;

const isSmoke = process.argv.includes('--smoke');
const capacity = isSmoke ? 20_000 : 2_000_000;
/** Claims of one measurement, in batches of which the median counts. */
const batches = 20;
const batchClaims = isSmoke ? 50 : 1_000;
const measured = batches * batchClaims;
const callers = 8;
const nowS = 1_750_000_000;
const expiresAtS = nowS + 61;
const maxLifetimeS = 92;
const addresses = Array.from({ length: callers }, (_, i) => Int32Array.of(i, i * 7, i * 31, i * 101, 5));
const addressTexts = addresses.map((words) => `0x${Buffer.from(words.buffer).toString('hex')}`);

const rounded = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;
/** As the network's client makes them: up to 16 hex digits. */
const nonceOf = (i: number): string =>
  ((BigInt(i) * 0x9e3779b97f4a7c15n) & 0xffff_ffff_ffff_ffffn).toString(16);

if (isMainThread) await bench();
else claimInThread(workerData as ThreadData);

async function bench(): Promise<void> {
  // The code is compiled for speed before anything counts, on a table that is thrown away.
  const spare = claimInto(createReplayTable({ capacity, maxLifetimeS }));
  nsPerClaim(spare, 0, 'claimed');
  nsPerClaim(spare, 0, 'replayed');

  const rssBefore = process.memoryUsage.rss();
  const memory = createReplayTable({ capacity, maxLifetimeS });
  const table = claimInto(memory);
  let used = 0;
  for (const percent of [0, 25, 50]) {
    fill(table, used, (capacity * percent) / 100);
    used = (capacity * percent) / 100;
    report({ case: `new pair, ${percent} % full`, claimNs: rounded(nsPerClaim(table, used, 'claimed')) });
    used += measured;
  }
  report({
    case: 'memory',
    liveEntries: new ReplayTable(memory).count(nowS),
    tableBytes: memory.byteLength,
    rssDeltaBytes: process.memoryUsage.rss() - rssBefore,
  });

  const live = capacity / 2;
  const peers = { lru: claimIn(new LRUCache<string, true>({ max: capacity })), map: claimIn(new Map()) };
  for (const peer of Object.values(peers)) fill(peer, 0, live + measured);
  for (const [what, from, expected] of [
    ['new pair, 50 % full', live + measured, 'claimed'],
    ['replayed pair, 50 % full', 0, 'replayed'],
  ] as const) {
    const before = nsPerClaim(table, from, expected);
    const lruNs = nsPerClaim(peers.lru, from, expected);
    const mapNs = nsPerClaim(peers.map, from, expected);
    const after = nsPerClaim(table, expected === 'claimed' ? from + measured : from, expected);
    const claimNs = (before + after) / 2;
    report({
      case: `${what}, beside peers`,
      claimNs: rounded(claimNs),
      lruNs: rounded(lruNs),
      mapNs: rounded(mapNs),
      ratioToLru: rounded(claimNs / lruNs),
      ratioToMap: rounded(claimNs / mapNs),
    });
  }

  fill(table, live + 3 * measured, capacity);
  report({ case: 'new pair, refused: full', claimNs: rounded(nsPerClaim(table, capacity, 'full')) });
  report({ case: 'replayed pair, full', claimNs: rounded(nsPerClaim(table, 0, 'replayed')) });

  for (const threads of [1, 2]) {
    report({ case: `new pairs, ${threads} at once`, claimNs: rounded(await nsInThreads(threads)) });
  }
}

function report(values: Record<string, number | string>): void {
  const command = `node dist/bench/replayTable.js${isSmoke ? ' --smoke' : ''}`;
  console.log(JSON.stringify({ bench: 'replayTable', command, capacity, ...values }));
}

function claimInto(memory: SharedArrayBuffer): Claim {
  const table = new ReplayTable(memory);
  return (i, nonce) =>
    table.claim({ caller: addresses[i % callers]!, nonce, timestampS: nowS, expiresAtS, nowS });
}

/** The same promise kept by a container of one thread: no expiry, no bound per caller. */
function claimIn(
  container: Pick<Map<string, true>, 'has'> & { set(key: string, value: true): unknown },
): Claim {
  return (i, nonce) => {
    const key = `${addressTexts[i % callers]}.${nonce}`;
    if (container.has(key)) return 'replayed';
    container.set(key, true);
    return 'claimed';
  };
}

function fill(claim: Claim, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const result = claim(i, nonceOf(i));
    if (result !== 'claimed') throw new Error(`pair ${i} was ${result} while filling`);
  }
}

function nsPerClaim(claim: Claim, from: number, expected: TableClaimResult): number {
  const each: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const first = from + batch * batchClaims;
    const nonces = Array.from({ length: batchClaims }, (_, i) => nonceOf(first + i));
    let asExpected = 0;
    const started = process.hrtime.bigint();
    for (let i = 0; i < batchClaims; i++) {
      if (claim(first + i, nonces[i]!) === expected) asExpected++;
    }
    each.push(Number(process.hrtime.bigint() - started) / batchClaims);
    if (asExpected !== batchClaims)
      throw new Error(`${batchClaims - asExpected} claims were not ${expected}`);
  }
  return median(each);
}

/** Nanoseconds per claim as each of the threads sees them, when all claim at once; the slowest thread's. */
async function nsInThreads(threads: number): Promise<number> {
  const table = createReplayTable({ capacity, maxLifetimeS });
  const line = new SharedArrayBuffer(4);
  const results = new SharedArrayBuffer(threads * 8);
  const ended = Array.from({ length: threads }, async (_, thread) => {
    const data: ThreadData = { table, line, results, thread, threads, claims: capacity / 8 };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    const [exitCode] = await once(worker, 'exit');
    if (exitCode !== 0) throw new Error(`thread ${thread} ended with ${exitCode}`);
  });
  await Promise.all(ended);
  return Math.max(...new Float64Array(results));
}

function claimInThread({ table, line, results, thread, threads, claims }: ThreadData): void {
  nsPerClaim(claimInto(createReplayTable({ capacity, maxLifetimeS })), 0, 'claimed');
  const claim = claimInto(table);
  const from = thread * claims;
  const nonces = Array.from({ length: claims }, (_, i) => nonceOf(from + i));
  const arrived = new Int32Array(line);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < threads);
  const started = process.hrtime.bigint();
  for (let i = 0; i < claims; i++) claim(from + i, nonces[i]!);
  new Float64Array(results)[thread] = Number(process.hrtime.bigint() - started) / claims;
}
