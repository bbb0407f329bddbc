// needs: swiftshader
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { GpuHost } from '#src/compute/gpuHost.js';
import type { EngineName, GivenMatrices } from '#src/compute/matrixEngine.js';
import { swiftshaderEnvironment } from '#test/support/swiftshader.js';
import { goText } from '../goText.js';
import { plainProduct, plainProofRound } from '../plainProduct.js';
import { openTestHost, readyEngine } from '../testHost.js';

/** What the engine is made to do, by the name that it has in `webgpuWaysHost.ts`. */
const ways: readonly (readonly [EngineName, string])[] = [
  ['webgpu', 'with tiles as on a GPU, and hashing where it measured to be faster'],
  ['gpujs', 'without the packed dot product, hashing on the device, in bands'],
  ['openblas', 'hashing here, in bands'],
];
const never = (): AbortSignal => new AbortController().signal;

describe('the WebGPU engine', () => {
  let host: GpuHost;
  before(() => {
    const entry = new URL('./webgpuWaysHost.js', import.meta.url);
    host = openTestHost({ entry, env: swiftshaderEnvironment() });
  });
  after(() => host.close());

  for (const [name, way] of ways) {
    for (const size of [5, 130, 257]) {
      it(`proves a round of size ${size} ${way}`, async () => {
        const engine = await readyEngine(host, name);
        const [keyA, keyB] = [randomBytes(32), randomBytes(32)];
        const { leaves, samples } = await engine.proofRound({ size, keyA, keyB }, never());
        const plain = plainProofRound(size, keyA, keyB);
        const middle = size >>> 1;
        assert.deepEqual(Buffer.from(leaves), Buffer.from(plain.leaves));
        assert.deepEqual([...samples], [plain.cells[0], plain.cells[middle * size + middle]]);
      });
    }
  }

  it('multiplies given matrices in several bands', async () => {
    const engine = await readyEngine(host, 'openblas');
    const [rows, inner, columns] = [300, 20, 257];
    const values = (length: number): Float64Array => Float64Array.from({ length }, (_, i) => (i % 13) - 6);
    const matrices: GivenMatrices = {
      kind: 'given',
      rows,
      inner,
      columns,
      a: values(rows * inner),
      b: values(inner * columns),
    };
    const { root, samples } = await engine.product(matrices, never());
    const plain = plainProduct(matrices);
    const text = Array.from(plain, goText).join('');
    assert.deepEqual(Buffer.from(root), createHash('sha256').update(text).digest());
    assert.deepEqual([...samples], [plain[0], plain[150 * columns + 128]]);
  });

  it('tells where the time went', async () => {
    const engine = await readyEngine(host, 'gpujs');
    const keys = { keyA: randomBytes(32), keyB: randomBytes(32) };
    const { timings } = await engine.proofRound({ size: 64, ...keys }, never());
    const { totalMs, ...parts } = timings;
    const spentMs = Object.values(parts).map((ms) => ms ?? Number.NaN);
    assert.ok(spentMs.every((ms) => ms > 0));
    assert.ok(spentMs.reduce((sum, ms) => sum + ms, 0) <= totalMs);
  });

  it('refuses what it cannot hold, and what is no request', async () => {
    const engine = await readyEngine(host, 'openblas');
    const key = randomBytes(32);
    for (const request of [
      { size: engine.info.maxSize + 1, keyA: key, keyB: key },
      { size: 0, keyA: key, keyB: key },
      { size: 2, keyA: key, keyB: key.subarray(1) },
    ]) {
      await assert.rejects(engine.proofRound(request, never()), { code: 'compute_failed' });
    }
    assert.equal(host.restarts, 0);
  });
});
