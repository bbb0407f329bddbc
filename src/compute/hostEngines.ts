/**
 * The engines that live in the GPU host, by name. Each is loaded only when it is started, so that a library that is
 * missing or does not load costs its own engine and no other. Runs in the GPU host.
 */
import type { HostEngineTable } from './startEngine.js';

export const hostEngines: HostEngineTable = {
  webgpu: async (settings) => (await import('./engines/webgpuEngine.js')).startWebgpuEngine(settings),
  gpujs: async (settings) => (await import('./engines/gpujsEngine.js')).startGpujsEngine(settings),
  openblas: async () => (await import('./engines/openblasEngine.js')).startOpenblasEngine(),
};
