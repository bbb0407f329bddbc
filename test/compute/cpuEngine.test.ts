import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { createComputePool } from '#src/compute/computePool.js';
import { createCpuEngine } from '#src/compute/cpuEngine.js';
import type { GivenMatrices } from '#src/compute/matrixEngine.js';
import { NodeError } from '#src/errors/nodeError.js';
import { propertyRuns } from '#test/runs.js';
import { describeMatrixEngine } from './engineContract.js';
import { plainProduct, plainProofRound } from './plainProduct.js';

const openPool = (threads: number) => createComputePool({ threads, maxQueued: 100, deadlineMs: 60_000 });

describeMatrixEngine('of the CPU', async () => {
  const pool = openPool(2);
  return { engine: createCpuEngine(pool), close: () => pool.close() };
});

describe('the CPU engine', () => {
  const pool = openPool(3);
  after(() => pool.close());
  const engine = createCpuEngine(pool);
  const never = new AbortController().signal;
  const keyA = new Uint8Array(32).fill(1);
  const keyB = new Uint8Array(32).fill(2);

  it('names the processor', () => {
    assert.equal(engine.info.name, 'wasm');
    assert.equal(engine.info.backend, 'cpu');
    assert.equal(engine.info.isSoftware, false);
    assert.equal(engine.info.maxSize, 16_384);
  });

  it('adds up doubles in the order of a plain loop, to the last bit', async () => {
    const values = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    const side = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(side, fc.integer({ min: 1, max: 600 }), side),
        fc.array(values, { minLength: 50, maxLength: 50 }),
        async ([rows, inner, columns], list) => {
          const spread = (length: number, step: number): Float64Array =>
            Float64Array.from({ length }, (_, i) => list[(i * step) % 50]! * (1 + i / 7));
          const a = spread(rows * inner, 7);
          const b = spread(inner * columns, 11);
          const matrices: GivenMatrices = { kind: 'given', rows, inner, columns, a, b };
          const { cells } = await engine.product(matrices, never);
          assert.deepEqual(cells, plainProduct(matrices));
        },
      ),
      { numRuns: propertyRuns(200) },
    );
  });

  it('puts a product together from many rectangles', async () => {
    const [rows, inner, columns] = [530, 120, 401];
    const a = Float64Array.from({ length: rows * inner }, (_, i) => Math.sin(i));
    const b = Float64Array.from({ length: inner * columns }, (_, i) => Math.cos(i * 3));
    const one = createCpuEngine(pool, { maxThreads: 1 });
    const matrices: GivenMatrices = { kind: 'given', rows, inner, columns, a, b };
    const plain = plainProduct(matrices);
    const middle = (rows >>> 1) * columns + (columns >>> 1);
    const results = await Promise.all([engine.product(matrices, never), one.product(matrices, never)]);
    for (const { samples } of results) assert.deepEqual([...samples], [plain[0], plain[middle]]);
    assert.deepEqual(results[0].root, results[1].root);
  });

  it('proves the same round with one thread and with many', async () => {
    const request = { size: 1_500, keyA, keyB };
    const many = await engine.proofRound(request, never);
    const one = await createCpuEngine(pool, { maxThreads: 1 }).proofRound(request, never);
    assert.deepEqual(many.leaves, one.leaves);
    assert.deepEqual(many.samples, one.samples);
  });

  it('does not mix requests that come together', async () => {
    const sizes = [60, 61, 60, 62];
    const results = await Promise.all(
      sizes.map((size, i) => engine.proofRound({ size, keyA, keyB: new Uint8Array(32).fill(i) }, never)),
    );
    for (const [i, size] of sizes.entries()) {
      const plain = plainProofRound(size, keyA, new Uint8Array(32).fill(i));
      assert.deepEqual(results[i]!.leaves, plain.leaves);
    }
  });

  it('stops in the middle of a long round, and the next one is right', async () => {
    const controller = new AbortController();
    const reason = new Error('the caller left');
    const long = engine.proofRound({ size: 8_192, keyA, keyB }, controller.signal);
    const timer = setTimeout(() => controller.abort(reason), 30);
    await assert.rejects(long, (error) => error === reason);
    clearTimeout(timer);
    const { leaves } = await engine.proofRound({ size: 50, keyA, keyB }, never);
    assert.deepEqual(leaves, plainProofRound(50, keyA, keyB).leaves);
  });

  it('refuses what is no matrix', async () => {
    const isRefusal = (error: unknown): boolean =>
      error instanceof NodeError && error.code === 'compute_failed' && error.meta['reason'] !== undefined;
    for (const size of [0, -1, 1.5, Number.NaN, 16_385]) {
      await assert.rejects(engine.proofRound({ size, keyA, keyB }, never), isRefusal);
      await assert.rejects(engine.product({ kind: 'drawn', size, key: keyA }, never), isRefusal);
    }
    await assert.rejects(engine.proofRound({ size: 4, keyA, keyB: new Uint8Array(31) }, never), isRefusal);
    const four = new Float64Array(4);
    for (const [rows, inner, columns] of [
      [2, 2, 1],
      [3, 2, 2],
      [0, 2, 2],
      [2.5, 2, 2],
    ] as const) {
      const matrices: GivenMatrices = { kind: 'given', rows, inner, columns, a: four, b: four };
      await assert.rejects(engine.product(matrices, never), isRefusal);
    }
  });
});
