/**
 * What each engine of the GPU host does with a proof round, size after size up to what it finishes in a minute, and
 * the engine of the CPU beside them: milliseconds of growing inputs, multiplying, hashing and transfers, operations
 * a second, and the share of the device's peak. Every root is compared with the CPU's where that got so far, and rows
 * of every product are computed anew.
 * `node dist/bench/gpu.js [--smoke] [--peak-tops N] [--no-software]`; minutes, the smoke run seconds. Without a GPU the
 * engines of the CPU run alone; test/support/swiftshader.ts says how a software adapter is found.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createComputePool } from '#src/compute/computePool.js';
import { createCpuEngine } from '#src/compute/cpuEngine.js';
import { startGpuHost } from '#src/compute/gpuHost.js';
import type { EngineName, MatrixEngine, ProofRoundResult } from '#src/compute/matrixEngine.js';
import { openRows } from '#src/compute/openRows.js';
import { createLogger } from '#src/logger/logger.js';
import { rowLeaf, treeRoot } from '#src/proof/rowTree.js';

const { values: flags } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    'peak-tops': { type: 'string' },
    'no-software': { type: 'boolean', default: false },
  },
  // Flags of other benches come along.
  strict: false,
  allowPositionals: true,
});
const isSmoke = flags.smoke === true;
const budgetMs = isSmoke ? 5_000 : 60_000;
const sizes = isSmoke ? [256] : [1_024, 2_048, 4_096, 8_192, 16_384, 32_768];
const warmUpSize = 256;
const checkedRows = 4;
const signal = new AbortController().signal;

interface Peak {
  readonly device: RegExp;
  /** 10^12 operations a second, dense, as the maker states them. */
  readonly int8: number;
  readonly float32: number;
}

const peaks: readonly Peak[] = [
  { device: /h[12]00/i, int8: 1_979, float32: 67 },
  { device: /a100/i, int8: 624, float32: 19.5 },
  { device: /l40s/i, int8: 733, float32: 91.6 },
  { device: /\bl4\b/i, int8: 242, float32: 30.3 },
  { device: /\bt4\b/i, int8: 130, float32: 8.1 },
  { device: /\ba10\b/i, int8: 250, float32: 31.2 },
  { device: /rtx.?4090/i, int8: 661, float32: 82.6 },
  { device: /rtx.?3090/i, int8: 284, float32: 35.6 },
];
const arithmeticOf: Readonly<Partial<Record<EngineName, 'int8' | 'float32'>>> = {
  webgpu: 'int8',
  gpujs: 'float32',
};

/** `null` for a device that is not known, and for CPUs. */
function peakTopsOf({ info }: MatrixEngine): number | null {
  const arithmetic = arithmeticOf[info.name];
  if (arithmetic === undefined) return null;
  if (typeof flags['peak-tops'] === 'string') return Number(flags['peak-tops']);
  return peaks.find(({ device }) => device.test(info.device))?.[arithmetic] ?? null;
}

const rounded = (value: number): number => Number(value.toPrecision(4));
const roundedMs = (ms: number | null): number | null => (ms === null ? null : rounded(ms));
const command = ['node dist/bench/gpu.js', ...process.argv.slice(2)].join(' ');
const report = (values: Record<string, unknown>): void =>
  console.log(JSON.stringify({ bench: 'gpu', command, ...values }));

const host = startGpuHost({
  gpu: 'auto',
  isAllowedSoftware: flags['no-software'] !== true,
  log: createLogger({ level: 'silent', thread: 'bench' }),
  limits: { jobDeadlineMs: 2 * budgetMs },
});
const pool = createComputePool({ threads: 'auto', maxQueued: 1_000, deadlineMs: 2 * budgetMs });

interface Case {
  readonly size: number;
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  /** Of the first engine that made the round, and which that was. */
  root?: { readonly hex: string; readonly by: EngineName };
}
const cases: Case[] = sizes.map((size) => ({ size, keyA: randomBytes(32), keyB: randomBytes(32) }));

async function checkRows({ size, keyA, keyB }: Case, { leaves }: ProofRoundResult): Promise<boolean> {
  const indices = Array.from({ length: checkedRows }, (_, i) =>
    Math.floor((i * (size - 1)) / (checkedRows - 1)),
  );
  const rows = await openRows(pool, { size, keyA, keyB, indices }, signal);
  return indices.every((index, at) => {
    const leaf = rowLeaf(index, bytesOf(rows.subarray(at * size, (at + 1) * size)));
    return leaf.equals(leaves.subarray(index * 32, (index + 1) * 32));
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** False when a root was wrong. */
async function benchEngine(engine: MatrixEngine): Promise<boolean> {
  const { name, backend, device, isSoftware, maxSize } = engine.info;
  await engine.proofRound({ size: warmUpSize, keyA: randomBytes(32), keyB: randomBytes(32) }, signal);
  let isRight = true;
  let spentMs = 0;
  let nextMs = 0;
  for (const each of cases) {
    const { size, keyA, keyB } = each;
    if (size > maxSize || spentMs + nextMs > budgetMs) break;
    const result = await engine.proofRound({ size, keyA, keyB }, signal);
    const { totalMs, generateMs, multiplyMs, hashMs, transferMs } = result.timings;
    spentMs += totalMs;
    nextMs = totalMs * 8;
    const root = Buffer.from(treeRoot(result.leaves)).toString('hex');
    each.root ??= { hex: root, by: name };
    const isSame = root === each.root.hex && (await checkRows(each, result));
    isRight &&= isSame;
    const operations = 2 * size ** 3;
    // Threads add their parts up, whereas an engine of the host multiplies in one stretch.
    const tops = operations / (name === 'wasm' ? totalMs : (multiplyMs ?? totalMs)) / 1e9;
    const peak = peakTopsOf(engine);
    report({
      case: `${name}, n = ${size}`,
      backend,
      device,
      isSoftware,
      totalMs: rounded(totalMs),
      generateMs: roundedMs(generateMs),
      multiplyMs: roundedMs(multiplyMs),
      hashMs: roundedMs(hashMs),
      transferMs: roundedMs(transferMs),
      gigaOperations: rounded(tops * 1_000),
      gigaOperationsWithAll: rounded(operations / totalMs / 1e6),
      shareOfPeak: peak === null ? null : rounded(tops / peak),
      root: isSame ? `as ${each.root.by}` : 'WRONG',
    });
  }
  return isRight;
}

let isRight = await benchEngine(createCpuEngine(pool));
while (host.engines().some(({ state }) => state === 'starting')) await delay(20);
for (const { name, engine, reason } of host.engines()) {
  if (engine === undefined) console.error(`${name} does not run here: ${reason}`);
  else isRight = (await benchEngine(engine)) && isRight;
}
if (
  !host
    .engines()
    .some(({ info, engine }) => engine !== undefined && info?.isSoftware === false && info.backend !== 'cpu')
) {
  console.error('no GPU: nothing but engines of the CPU and of software adapters ran');
}
await host.close();
await pool.close();
if (!isRight) {
  console.error('a root was wrong');
  process.exitCode = 1;
}
