/**
 * What every matrix engine keeps: one suite for the CPU threads and for each engine of a GPU. Proof rounds are exact
 * on all of them; products of matrices of small integers too, and other products within the engine's precision.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { drawMatrix } from '#src/compute/drawMatrix.js';
import {
  type EngineTimings,
  type GivenMatrices,
  type MatrixEngine,
  maxRowsInAnswer,
} from '#src/compute/matrixEngine.js';
import { NodeError } from '#src/errors/nodeError.js';
import { firstPreviousRoot, roundKeys } from '#src/proof/inputKeys.js';
import { treeRoot } from '#src/proof/rowTree.js';
import { goldenAddress, goldenChainId, goldenRoots } from '#test/proof/golden.js';
import { propertyRuns } from '#test/runs.js';
import { goText } from './goText.js';
import { plainProduct, plainProofRound } from './plainProduct.js';

export interface OpenEngine {
  readonly engine: MatrixEngine;
  close(): Promise<void>;
}

export interface EngineContractOptions {
  /** The engine adds up in float32: products are compared within what that loses. */
  readonly isFloat32?: boolean;
  /** False for an engine that multiplies drawn matrices only. */
  readonly takesGivenMatrices?: boolean;
  /** Largest matrix of a test; slow engines ask for less than 300. */
  readonly maxTestSize?: number;
}

/** Roots that the network's own node computes for these products. */
const legacyRoots: readonly { a: number[][]; b: number[][]; root: string }[] = [
  {
    a: [
      [1, 2],
      [3, 4],
    ],
    b: [
      [5, 6],
      [7, 8],
    ],
    root: '93eea43e7660399dd3e4ac5e27a71f94486e4b646623f95d437ba7d75175a3b4',
  },
  {
    a: [
      [1, 0],
      [0, 1],
    ],
    b: [
      [5, 6],
      [7, 8],
    ],
    root: '3fa6d36e7bddea9753ac18b87da58a5f468f28fe67f7fd1539276f16da17f53a',
  },
  {
    a: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    b: [
      [7, 8],
      [9, 10],
      [11, 12],
    ],
    root: 'cd866ca5a4f28dc992ddb25137cd28f4e3f2cd427673566c0516d8cff09c17f1',
  },
  { a: [[2]], b: [[3]], root: '2270ab850480a8ade7647dc3066dde96209bc0314b4847a619e1231e334c00ad' },
  {
    a: [
      [1, 2],
      [3, 4],
    ],
    b: [
      [-5, 6],
      [-7, 8],
    ],
    root: '163282382e1512f7c010c1044a92218361e73108f1da9ae1cf0314a303fcf31b',
  },
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const never = (): AbortSignal => new AbortController().signal;
const rootOf = (cells: ArrayLike<number>): string =>
  createHash('sha256').update(Array.from(cells, goText).join('')).digest('hex');

function given(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): GivenMatrices {
  return {
    kind: 'given',
    rows: a.length,
    inner: b.length,
    columns: b[0]!.length,
    a: Float64Array.from(a.flat()),
    b: Float64Array.from(b.flat()),
  };
}

/** Small integers, whose sums are exact in float32. */
function integerMatrices(rows: number, inner: number, columns: number): GivenMatrices {
  const values = (length: number, step: number): Float64Array =>
    Float64Array.from({ length }, (_, i) => ((i * step + rows) % 17) - 8);
  return { kind: 'given', rows, inner, columns, a: values(rows * inner, 7), b: values(inner * columns, 5) };
}

function assertTimings({ totalMs, ...parts }: EngineTimings): void {
  assert.ok(Number.isFinite(totalMs) && totalMs >= 0, `totalMs is ${totalMs}`);
  for (const [name, ms] of Object.entries(parts)) {
    assert.ok(ms === null || (Number.isFinite(ms) && ms >= 0), `${name} is ${ms}`);
  }
}

export function describeMatrixEngine(
  name: string,
  open: () => Promise<OpenEngine>,
  { isFloat32 = false, takesGivenMatrices = true, maxTestSize = 300 }: EngineContractOptions = {},
): void {
  describe(`the matrix engine ${name}`, () => {
    let opened: OpenEngine;
    let engine: MatrixEngine;
    before(async () => {
      opened = await open();
      engine = opened.engine;
    });
    after(() => opened?.close());

    async function assertProofRound(size: number, seed: number): Promise<void> {
      const keyA = createHash('sha256').update(`a${seed}`).digest();
      const keyB = createHash('sha256').update(`b${seed}`).digest();
      const { leaves, samples, timings } = await engine.proofRound({ size, keyA, keyB }, never());
      const plain = plainProofRound(size, keyA, keyB);
      const middle = size >>> 1;
      assert.equal(hex(leaves), hex(plain.leaves));
      assert.deepEqual([...samples], [plain.cells[0], plain.cells[middle * size + middle]]);
      assertTimings(timings);
    }

    /** For engines that take given matrices. */
    const itTakesGiven = (what: string, check: () => Promise<void>): void => {
      if (takesGivenMatrices) it(what, check);
    };

    async function assertGivenProduct(matrices: GivenMatrices): Promise<void> {
      if (!takesGivenMatrices) return;
      const { root } = await engine.product(matrices, never());
      assert.equal(hex(root), rootOf(plainProduct(matrices)));
    }

    it('says what it is', () => {
      assert.ok(engine.info.device.length > 0);
      assert.ok(engine.info.deviceInfo.name.length > 0);
      assert.ok(engine.info.maxSize >= 256);
      assert.equal(engine.info.takesGivenMatrices, takesGivenMatrices);
    });

    for (const { seedByte, size, roots } of goldenRoots) {
      it(`finds the known roots of size ${size}`, async () => {
        let previousRoot = firstPreviousRoot;
        for (const [round, expected] of roots.entries()) {
          const seed = new Uint8Array(32).fill(seedByte);
          const keys = roundKeys({
            seed,
            address: goldenAddress,
            chainId: goldenChainId,
            round,
            previousRoot,
          });
          const { leaves } = await engine.proofRound({ size, keyA: keys.a, keyB: keys.b }, never());
          previousRoot = treeRoot(leaves);
          assert.equal(`0x${hex(previousRoot)}`, expected);
        }
      });
    }

    for (const size of [1, 2, 3, 5, 7, 8, 9, 31, 63, 64, 65, 127, 129, 257]) {
      if (size > maxTestSize) continue;
      it(`proves a round of size ${size} as plain loops do`, () => assertProofRound(size, size));
    }

    it('proves rounds of any size and key as plain loops do', async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: maxTestSize }), fc.nat(), assertProofRound),
        { numRuns: propertyRuns(60) },
      );
    });

    for (const { a, b, root } of legacyRoots) {
      itTakesGiven(`has the network's root of ${JSON.stringify(a)} · ${JSON.stringify(b)}`, async () => {
        const result = await engine.product(given(a, b), never());
        assert.equal(hex(result.root), root);
      });
    }

    itTakesGiven('multiplies rectangular matrices of integers exactly', async () => {
      const side = fc.integer({ min: 1, max: Math.min(90, maxTestSize) });
      await fc.assert(
        fc.asyncProperty(side, side, side, async (rows, inner, columns) => {
          const matrices = integerMatrices(rows, inner, columns);
          const { root, samples, cells, timings } = await engine.product(matrices, never());
          const plain = plainProduct(matrices);
          assert.equal(hex(root), rootOf(plain));
          assert.deepEqual([...samples], [plain[0], plain[(rows >>> 1) * columns + (columns >>> 1)]]);
          assert.deepEqual(cells, plain);
          assertTimings(timings);
        }),
        { numRuns: propertyRuns(100) },
      );
    });

    for (const [rows, inner, columns] of [
      [1, 300, 1],
      [300, 1, 2],
      [1, 1, 301],
      [5, 290, 3],
    ] as const) {
      itTakesGiven(`multiplies ${rows}×${inner} by ${inner}×${columns}`, async () => {
        await assertGivenProduct(integerMatrices(rows, inner, columns));
      });
    }

    if (!takesGivenMatrices) {
      it('refuses given matrices', async () => {
        await assert.rejects(
          engine.product(integerMatrices(2, 2, 2), never()),
          (error) => error instanceof NodeError && error.code === 'compute_failed',
        );
      });
    }

    it('multiplies drawn matrices as plain loops do', async () => {
      for (const size of [1, 7, Math.min(110, maxTestSize)]) {
        const key = new Uint8Array(32).fill(size);
        const { root, samples, cells } = await engine.product({ kind: 'drawn', size, key }, never());
        const draw = (which: 'A' | 'B') => drawMatrix({ key, which, size, firstRow: 0, rows: size });
        const plain = plainProduct({ rows: size, inner: size, columns: size, a: draw('A'), b: draw('B') });
        const middle = (size >>> 1) * size + (size >>> 1);
        if (isFloat32) {
          for (const [at, expected] of [plain[0]!, plain[middle]!].entries()) {
            // Each of `size` sums of positive values rounds by 2^-24 of the sum at most.
            const tolerance = (size + 2) * 2 ** -24 * expected + 1e-7;
            assert.ok(Math.abs(samples[at]! - expected) <= tolerance, `${samples[at]} for ${expected}`);
          }
          if (cells !== undefined) assert.equal(hex(root), rootOf(cells));
        } else {
          assert.deepEqual([...samples], [plain[0], plain[middle]]);
          assert.equal(hex(root), rootOf(plain));
        }
      }
    });

    itTakesGiven('gives the cells of at most 100 rows', async () => {
      const few = await engine.product(integerMatrices(maxRowsInAnswer, 3, 4), never());
      assert.equal(few.cells?.length, maxRowsInAnswer * 4);
      const many = await engine.product(integerMatrices(maxRowsInAnswer + 1, 3, 4), never());
      assert.equal(many.cells, undefined);
    });

    itTakesGiven('says so when a product overflows', async () => {
      const big = given([[1e200]], [[1e200]]);
      // In float32 it is no word on the matrices: an engine with float64 may be asked next.
      const code = isFloat32 ? 'compute_failed' : 'invalid_payload';
      await assert.rejects(
        engine.product(big, never()),
        (error) => error instanceof NodeError && error.code === code,
      );
    });

    it('rejects with the reason of a signal that aborts, before or while it works, and works on', async () => {
      const reason = new Error('the caller left');
      const aborted = AbortSignal.abort(reason);
      const key = new Uint8Array(32);
      const round = { size: Math.min(256, maxTestSize), keyA: key, keyB: key };
      const drawn = { kind: 'drawn', size: Math.min(256, maxTestSize), key } as const;
      for (const start of [
        (signal: AbortSignal): Promise<unknown> => engine.proofRound(round, signal),
        (signal: AbortSignal): Promise<unknown> => engine.product(drawn, signal),
      ]) {
        await assert.rejects(start(aborted), (error) => error === reason);
        const controller = new AbortController();
        const rejected = assert.rejects(start(controller.signal), (error) => error === reason);
        controller.abort(reason);
        await rejected;
      }
      await assertProofRound(33, 1);
      await assertGivenProduct(integerMatrices(3, 4, 5));
    });

    it('does not mix requests that follow each other', async () => {
      await assertProofRound(60, 2);
      await assertProofRound(60, 3);
      await assertGivenProduct(integerMatrices(21, 22, 23));
      await assertProofRound(61, 2);
      await assertProofRound(60, 2);
    });
  });
}
