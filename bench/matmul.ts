/**
 * What the matrix engine of the CPU does on one core: proof rounds with everything in them (growing, packing,
 * multiplying, hashing) beside a plain loop over typed arrays, before and after in the same run; the legacy mode
 * beside a plain loop; printing a cell beside `toFixed`; opening 64 rows of a large round.
 * `node dist/bench/matmul.js [--smoke]`; takes about half a minute, the smoke run two seconds. The pool's threads
 * have a low priority: on a busy machine they come last.
 */
import { createComputePool } from '#src/compute/computePool.js';
import { createCpuEngine } from '#src/compute/cpuEngine.js';
import { drawMatrix } from '#src/compute/drawMatrix.js';
import { maxFixed6Bytes, writeGoFixed6 } from '#src/compute/goFixed6.js';
import { openRows } from '#src/compute/openRows.js';
import { inputValues } from '#src/proof/keystream.js';
import { plainInt8Product, plainProduct } from '#test/compute/plainProduct.js';

const isSmoke = process.argv.includes('--smoke');
const proofSizes = isSmoke ? [256] : [1_024, 2_048, 4_096];
const legacySizes = isSmoke ? [128] : [512, 1_024, 2_048];
const plainSize = isSmoke ? 128 : 512;
const opening = isSmoke ? { size: 512, rows: 64 } : { size: 8_192, rows: 64 };
const cells = isSmoke ? 20_000 : 1_000_000;
const rounds = isSmoke ? 1 : 3;
const signal = new AbortController().signal;

const rounded = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;
const keyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function report(values: Record<string, number | string>): void {
  const command = `node dist/bench/matmul.js${isSmoke ? ' --smoke' : ''}`;
  console.log(JSON.stringify({ bench: 'matmul', command, ...values }));
}

function msOf(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** 10^9 multiplications and additions a second. */
const rateOf = (size: number, ms: number): number => (2 * size ** 3) / ms / 1e6;

const pool = createComputePool({ threads: 1, maxQueued: 16, deadlineMs: 60_000 });
const engine = createCpuEngine(pool);

async function proofMs(size: number): Promise<number> {
  const each: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const request = { size, keyA: keyOf(round), keyB: keyOf(round + 100) };
    each.push((await engine.proofRound(request, signal)).timings.totalMs);
  }
  return median(each);
}

const plainA = inputValues(keyOf(1), 0, plainSize * plainSize);
const plainB = inputValues(keyOf(2), 0, plainSize * plainSize);
const plainInt8Rate = (): number =>
  rateOf(
    plainSize,
    msOf(() => plainInt8Product(plainSize, plainA, plainB)),
  );
const doubles = (which: 'A' | 'B'): Float64Array =>
  Float64Array.from(drawMatrix({ key: keyOf(3), which, size: plainSize, firstRow: 0, rows: plainSize }));
const plain = { rows: plainSize, inner: plainSize, columns: plainSize, a: doubles('A'), b: doubles('B') };
const plainDoubleRate = (): number =>
  rateOf(
    plainSize,
    msOf(() => plainProduct(plain)),
  );

// The kernels and the loops are compiled for speed before anything counts.
for (let i = 0; i < (isSmoke ? 1 : 4); i++) {
  await proofMs(proofSizes[0]!);
  await engine.product({ kind: 'drawn', size: plainSize, key: keyOf(i) }, signal);
  plainInt8Rate();
  plainDoubleRate();
}

for (const size of proofSizes) {
  const before = plainInt8Rate();
  const ms = await proofMs(size);
  const plainRate = (before + plainInt8Rate()) / 2;
  report({
    case: `proof round, n = ${size}`,
    ms: rounded(ms),
    gigaOperations: rounded(rateOf(size, ms)),
    plainLoop: rounded(plainRate),
    ratio: rounded(rateOf(size, ms) / plainRate),
  });
}

for (const size of legacySizes) {
  const before = plainDoubleRate();
  const { timings } = await engine.product({ kind: 'drawn', size, key: keyOf(size) }, signal);
  const plainRate = (before + plainDoubleRate()) / 2;
  const rate = rateOf(size, timings.multiplyMs!);
  report({
    case: `legacy product, n = ${size}`,
    ms: rounded(timings.totalMs),
    gigaOperations: rounded(rate),
    plainLoop: rounded(plainRate),
    ratio: rounded(rate / plainRate),
    rootNsPerCell: rounded((timings.hashMs! * 1e6) / size ** 2),
  });
}

const opened = performance.now();
await openRows(
  pool,
  {
    size: opening.size,
    keyA: keyOf(1),
    keyB: keyOf(2),
    indices: Array.from({ length: opening.rows }, (_, i) => (i * opening.size) / opening.rows),
  },
  signal,
);
const openingMs = performance.now() - opened;
report({
  case: `opening ${opening.rows} rows, n = ${opening.size}`,
  ms: rounded(openingMs),
  gigaOperations: rounded((2 * opening.rows * opening.size ** 2) / openingMs / 1e6),
});
await pool.close();

/** Sums like those of a product, and what `%.6f` makes of integers. */
const values = {
  'cells of a drawn product': Float64Array.from({ length: cells }, (_, i) => 250 + ((i * 0.618034) % 37)),
  'integer cells': Float64Array.from({ length: cells }, (_, i) => ((i * 7_919) % 2_000_000) - 1_000_000),
};
const target = new Uint8Array(maxFixed6Bytes);
for (const [what, list] of Object.entries(values)) {
  const goNs = (): number =>
    (msOf(() => {
      for (let i = 0; i < list.length; i++) writeGoFixed6(list[i]!, target, 0);
    }) *
      1e6) /
    list.length;
  const toFixedNs = (): number => {
    let length = 0;
    const ms = msOf(() => {
      for (let i = 0; i < list.length; i++) length += list[i]!.toFixed(6).length;
    });
    if (length === 0) throw new Error('nothing was printed');
    return (ms * 1e6) / list.length;
  };
  goNs();
  const before = goNs();
  const peerNs = toFixedNs();
  const ns = (before + goNs()) / 2;
  report({
    case: `printing ${what}`,
    ns: rounded(ns),
    toFixedNs: rounded(peerNs),
    ratio: rounded(ns / peerNs),
  });
}
