/** The native engines in the order in which they are tried, and what answers call each engine. Runs in main. */
import type { EngineBackend, EngineName } from './matrixEngine.js';

export const engineBackends: Readonly<Record<EngineName, EngineBackend>> = {
  wasm: 'cpu',
  openblas: 'cpu',
  gpujs: 'gpu',
  webgpu: 'webgpu',
};

/** Those of the GPU host. */
export const hostedEngines = ['webgpu', 'gpujs', 'openblas'] as const satisfies readonly EngineName[];
