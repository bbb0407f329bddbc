// needs: swiftshader openblas
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import type { GpuHost } from '#src/compute/gpuHost.js';
import type { EngineName } from '#src/compute/matrixEngine.js';
import { inputValues } from '#src/proof/keystream.js';
import { rowLeaf } from '#src/proof/rowTree.js';
import { swiftshaderEnvironment } from '#test/support/swiftshader.js';
import { describeMatrixEngine, type EngineContractOptions } from './engineContract.js';
import { engineOf, openTestHost, readyEngine, until } from './testHost.js';

const contracts: readonly (readonly [EngineName, EngineContractOptions])[] = [
  ['webgpu', { isFloat32: true, maxTestSize: 260 }],
  ['gpujs', { isFloat32: true, maxTestSize: 70 }],
  // Float64, but added up in an order of its own.
  ['openblas', { isFloat32: true, takesGivenMatrices: false }],
];

let shared: GpuHost | undefined;
const sharedHost = (): GpuHost => {
  shared ??= openTestHost({ env: swiftshaderEnvironment(), cpuThreads: 2 });
  return shared;
};
after(() => shared?.close());

for (const [name, options] of contracts) {
  describeMatrixEngine(
    `${name} in the GPU host`,
    // They share one host, as in the node; it ends with the suite.
    async () => ({ engine: await readyEngine(sharedHost(), name), close: async () => undefined }),
    options,
  );
}

describe('the engines of the GPU host', () => {
  it('name their device, and whether it is a GPU', async () => {
    const host = sharedHost();
    const webgpu = await readyEngine(host, 'webgpu');
    const gpujs = await readyEngine(host, 'gpujs');
    const openblas = await readyEngine(host, 'openblas');
    for (const { info } of [webgpu, gpujs]) {
      assert.match(info.device, /swiftshader/i);
      assert.match(info.deviceInfo.name, /swiftshader/i);
      assert.equal(info.isSoftware, true);
    }
    assert.deepEqual([webgpu.info.backend, gpujs.info.backend], ['webgpu', 'gpu']);
    assert.match(openblas.info.device, /OpenBLAS \d/);
    assert.deepEqual([openblas.info.backend, openblas.info.isSoftware], ['cpu', false]);
  });

  it('add up blocks of the inner dimension exactly: OpenBLAS at size 1043', async () => {
    const size = 1_043;
    const openblas = await readyEngine(sharedHost(), 'openblas');
    const [keyA, keyB] = [randomBytes(32), randomBytes(32)];
    const signal = new AbortController().signal;
    const { leaves } = await openblas.proofRound({ size, keyA, keyB }, signal);
    const b = inputValues(keyB, 0, size * size);
    for (const row of [0, 511, 512, size - 1]) {
      const a = inputValues(keyA, row * size, size);
      const cells = new Int32Array(size);
      a.forEach((factor, k) => {
        for (let j = 0; j < size; j++) cells[j]! += factor * b[k * size + j]!;
      });
      const leaf = rowLeaf(row, new Uint8Array(cells.buffer));
      assert.deepEqual(Buffer.from(leaves.subarray(row * 32, row * 32 + 32)), leaf);
    }
  });

  it('take matrices that lie over shared memory', async () => {
    const values = (...cells: number[]): Float64Array => {
      const shared = new Float64Array(new SharedArrayBuffer(cells.length * 8));
      shared.set(cells);
      return shared;
    };
    const webgpu = await readyEngine(sharedHost(), 'webgpu');
    const given = { rows: 2, inner: 2, columns: 2, a: values(1, 2, 3, 4), b: values(5, 6, 7, 8) };
    const { cells } = await webgpu.product({ kind: 'given', ...given }, new AbortController().signal);
    assert.deepEqual([...cells!], [19, 22, 43, 50]);
  });

  it('did all of this in one process', () => {
    assert.equal(sharedHost().restarts, 0);
  });

  it('serve no software adapter unless that is allowed', async () => {
    const host = openTestHost({ env: swiftshaderEnvironment(), isAllowedSoftware: false });
    try {
      await readyEngine(host, 'openblas');
      for (const name of ['webgpu', 'gpujs'] as const) {
        const { state, reason } = engineOf(host, name);
        assert.equal(state, 'disabled');
        assert.match(reason!, /^only a software adapter \(swiftshader/i);
      }
    } finally {
      await host.close();
    }
  });

  it('are disabled with the reason where there is no adapter', async () => {
    const nothing = { ...process.env, VK_ICD_FILENAMES: '/dev/null' };
    const host = openTestHost({ env: nothing });
    try {
      await until(() => host.engines().every(({ state }) => state !== 'starting'));
      assert.equal(engineOf(host, 'webgpu').reason, 'no adapter');
      assert.equal(engineOf(host, 'gpujs').reason, 'no adapter');
    } finally {
      await host.close();
    }
  });

  it('are tried as configured: "webgpu" leaves gpu.js out', async () => {
    const host = openTestHost({ gpu: 'webgpu', env: swiftshaderEnvironment() });
    try {
      assert.deepEqual(
        host.engines().map(({ name }) => name),
        ['webgpu', 'openblas'],
      );
    } finally {
      await host.close();
    }
  });
});
