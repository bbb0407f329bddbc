import { createComputePool } from '#src/compute/computePool.js';
import { createCpuEngine } from '#src/compute/cpuEngine.js';
import { describeMatrixEngine } from './engineContract.js';

describeMatrixEngine('of the CPU', async () => {
  const pool = createComputePool({ threads: 2, maxQueued: 100, deadlineMs: 60_000 });
  return { engine: createCpuEngine(pool), close: () => pool.close() };
});
