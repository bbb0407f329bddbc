/**
 * The engines that live in the GPU host, by name. Each is loaded only when it is started, so that a library that is
 * missing or does not load costs its own engine and no other. Runs in the GPU host.
 */

import type { HostSettings } from './hostProtocol.js';
import type { EngineName, MatrixEngine } from './matrixEngine.js';

export interface EngineSettings extends Pick<HostSettings, 'isAllowedSoftware' | 'hashing'> {
  /** The engine can never work again in this process, which then ends after the answer to a job that runs. */
  readonly onLost: (reason: string) => void;
}

/** Rejects with the reason (`engineFailure`) where the engine cannot serve on this machine. */
export type StartEngine = (settings: EngineSettings) => Promise<MatrixEngine>;

export type HostEngineTable = Readonly<Partial<Record<EngineName, StartEngine>>>;

export const hostEngines: HostEngineTable = {
  webgpu: async (settings) => (await import('./engines/webgpuEngine.js')).startWebgpuEngine(settings),
  // gpujs
  // openblas
};
