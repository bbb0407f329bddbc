/**
 * What it costs to check an opening of 64 rows of an 8192 × 8192 product on one core: time, beside the generation of
 * the two input matrices alone in the same run (before and after), and the memory beyond the rows themselves. The
 * same rows with one cell changed must be found wrong.
 * `node dist/bench/verifier.js [--smoke]`; takes about 10 s, most of it to make the rows; the smoke run one.
 */
import { randomBytes } from 'node:crypto';
import { firstPreviousRoot, roundKeys } from '#src/proof/inputKeys.js';
import { fillKeystream, inputValues } from '#src/proof/keystream.js';
import { openedRowIndices } from '#src/proof/openedRows.js';
import { checkRows } from '#src/verifier/checkRows.js';

const isSmoke = process.argv.includes('--smoke');
const size = isSmoke ? 512 : 8_192;
const opened = 64;
const runs = isSmoke ? 2 : 7;
const pieceBytes = 256 * 1_024;

const { a: keyA, b: keyB } = roundKeys({
  seed: randomBytes(32),
  address: '0x9ec5501b7db525648c46098cce1df11ebba9c16a',
  chainId: 84_532,
  round: 0,
  previousRoot: firstPreviousRoot,
});
const indices = openedRowIndices({ roots: [firstPreviousRoot], nonce: randomBytes(32), rows: opened, size });

const rounded = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

// First of all, while the process holds no garbage that would be used again; zeros take what any values take.
const zeros = indices.map(() => new Uint8Array(size * 4));
const rssBefore = process.memoryUsage.rss();
expect(checkRows({ keyA, keyB, size, indices, rows: zeros }), indices);
// The highest of the whole process, so it may even be an older one.
const peakBytes = process.resourceUsage().maxRSS * 1_024 - rssBefore;

const rows = productRows();
const question = { keyA, keyB, size, indices, rows };
expect(checkRows(question), []);
const changed = [...rows];
changed[opened - 1] = changedBy1(rows[opened - 1]!);
expect(checkRows({ ...question, rows: changed }), [indices[opened - 1]!]);

const generateBefore = timed(generateBoth);
const check = timed(() => expect(checkRows(question), []));
const generateAfter = timed(generateBoth);
const generateMs = (generateBefore.wallMs + generateAfter.wallMs) / 2;
report({
  case: `check ${opened} rows`,
  checkMs: rounded(check.wallMs),
  checkCpuMs: rounded(check.cpuMs),
  generateBothMs: rounded(generateMs),
  ratioToGenerating: rounded(check.wallMs / generateMs),
});
report({ case: 'memory beyond the rows', peakBytes, rowsBytes: opened * size * 4 });

function report(values: Record<string, number | string>): void {
  const command = `node dist/bench/verifier.js${isSmoke ? ' --smoke' : ''}`;
  console.log(JSON.stringify({ bench: 'verifier', command, size, ...values }));
}

/** The rows of the product, as the definition has it, B row by row. */
function productRows(): Uint8Array[] {
  const a = indices.map((index) => inputValues(keyA, index * size, size));
  const sums = indices.map(() => new Int32Array(size));
  for (let k = 0; k < size; k++) {
    const b = inputValues(keyB, k * size, size);
    for (let row = 0; row < opened; row++) addMultiple(sums[row]!, b, a[row]![k]!);
  }
  return sums.map((sum) => new Uint8Array(sum.buffer));
}

function addMultiple(sum: Int32Array, values: Int8Array, factor: number): void {
  for (let j = 0; j < sum.length; j++) sum[j] = sum[j]! + factor * values[j]!;
}

function changedBy1(row: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(row);
  const cells = new Int32Array(copy.buffer);
  cells[size - 1] = cells[size - 1]! + 1;
  return copy;
}

function generateBoth(): void {
  const piece = new Uint8Array(pieceBytes);
  for (const key of [keyA, keyB]) {
    for (let offset = 0; offset < size * size; offset += pieceBytes) fillKeystream(key, offset, piece);
  }
}

/** The medians of some runs. */
function timed(work: () => void): { wallMs: number; cpuMs: number } {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let run = 0; run < runs; run++) {
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    work();
    walls.push(performance.now() - startedMs);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpus.push((user + system) / 1_000);
  }
  return { wallMs: median(walls), cpuMs: median(cpus) };
}

function expect(found: readonly number[], expected: readonly number[]): void {
  if (found.join() !== expected.join()) throw new Error(`rows ${found.join()} were found wrong`);
}
