/**
 * What main and the GPU host say to each other over the channel of the child process. Types only; everything is
 * structured-clonable. The host runs one job at a time, main sends no second one before the first has ended.
 */
import type { NodeErrorData } from '../errors/nodeError.js';
import type {
  EngineInfo,
  EngineName,
  ProductRequest,
  ProductResult,
  ProofRoundRequest,
  ProofRoundResult,
} from './matrixEngine.js';

/** Where a GPU engine hashes the rows of a product; `auto` takes what a short measurement at the start found faster. */
export type Hashing = 'auto' | 'device' | 'host';

export interface HostSettings {
  /** In the order in which they start. */
  readonly engines: readonly EngineName[];
  /** Whether an adapter without a GPU behind it may serve. */
  readonly isAllowedSoftware: boolean;
  readonly hashing: Hashing;
}

export type HostTask =
  | { readonly kind: 'proofRound'; readonly request: ProofRoundRequest }
  | { readonly kind: 'product'; readonly request: ProductRequest };

export type HostTaskResult = ProofRoundResult | ProductResult;

export type ToHost =
  | { readonly type: 'start'; readonly settings: HostSettings }
  | { readonly type: 'job'; readonly id: number; readonly engine: EngineName; readonly task: HostTask }
  | { readonly type: 'abort'; readonly id: number };

export type FromHost =
  /** Said before the engine's libraries are loaded, so that main knows whose fault a crash is. */
  | { readonly type: 'engineStarting'; readonly name: EngineName }
  /** Jobs come once every engine is ready or disabled. */
  | { readonly type: 'engineReady'; readonly info: EngineInfo }
  | { readonly type: 'engineDisabled'; readonly name: EngineName; readonly reason: string }
  | { readonly type: 'done'; readonly id: number; readonly result: HostTaskResult }
  | { readonly type: 'failed'; readonly id: number; readonly error: NodeErrorData };
