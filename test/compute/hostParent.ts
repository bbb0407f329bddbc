/**
 * A process with a GPU host, for a suite that kills it: prints the host's process id once an engine is ready, gives
 * it a job that never ends, and stays. Started by test/compute/gpuHost.test.ts, never imported.
 */
import { openOddHost, readyEngine } from './testHost.js';

const host = openOddHost();
const engine = await readyEngine(host, 'webgpu');
const key = new Uint8Array(32).fill(0xee);
void engine
  .proofRound({ size: 3, keyA: key, keyB: key }, new AbortController().signal)
  .catch(() => undefined);
console.log(host.pid);
