/**
 * Entry of a GPU host whose three engines are the WebGPU engine, each on other ways than it takes by itself on a
 * software adapter. Started by a suite, never imported.
 */
import { startWebgpuEngine, type WebgpuEngineOptions } from '#src/compute/engines/webgpuEngine.js';
import type { EngineName } from '#src/compute/matrixEngine.js';
import { serveHost } from '#src/compute/serveHost.js';
import type { StartEngine } from '#src/compute/startEngine.js';

const maxBandBytes = 128 * 257 * 4;

const start =
  (name: EngineName, ways: Partial<WebgpuEngineOptions>): StartEngine =>
  async (settings) => {
    const engine = await startWebgpuEngine({ ...settings, ...ways });
    return { ...engine, info: { ...engine.info, name } };
  };

serveHost({
  webgpu: start('webgpu', { hashing: 'auto', isHardwareShaped: true }),
  gpujs: start('gpujs', { hashing: 'device', isUnpacked: true, maxBandBytes }),
  openblas: start('openblas', { hashing: 'host', maxBandBytes }),
});
