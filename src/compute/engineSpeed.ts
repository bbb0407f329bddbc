/**
 * How fast an engine works a proof round off, to choose between two that use the same cores: which one is faster
 * depends on the machine. Runs in main.
 */
import type { MatrixEngine } from './matrixEngine.js';

/** Libraries and kernels are loaded and compiled with the first one. */
const warmUpSize = 512;
/** Large enough that growing and hashing do not count for much; half a second on one old core. */
const measuredSize = 2_048;

/** @returns 10⁹ operations a second */
export async function measureEngine(engine: MatrixEngine, signal: AbortSignal): Promise<number> {
  const keys = { keyA: new Uint8Array(32).fill(1), keyB: new Uint8Array(32).fill(2) };
  await engine.proofRound({ ...keys, size: warmUpSize }, signal);
  const startedAtMs = performance.now();
  await engine.proofRound({ ...keys, size: measuredSize }, signal);
  return (2 * measuredSize ** 3) / (performance.now() - startedAtMs) / 1e6;
}
