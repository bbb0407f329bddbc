/** How an engine of the GPU host is started. Types only. */
import type { HostSettings } from './hostProtocol.js';
import type { EngineName, MatrixEngine } from './matrixEngine.js';

export interface EngineSettings extends Pick<HostSettings, 'isAllowedSoftware' | 'hashing'> {
  /** The engine can never work again in this process, which then ends after the answer to a job that runs. */
  readonly onLost: (reason: string) => void;
}

/** Rejects with the reason (`engineFailure`) where the engine cannot serve on this machine. */
export type StartEngine = (settings: EngineSettings) => Promise<MatrixEngine>;

export type HostEngineTable = Readonly<Partial<Record<EngineName, StartEngine>>>;
