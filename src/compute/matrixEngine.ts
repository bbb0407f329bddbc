/**
 * What multiplies matrices: one interface for the CPU threads and for every engine of the GPU host. All engines
 * pass one contract suite (`test/compute/engineContract.ts`). Types only; implemented in main, over threads or over
 * the GPU host, and inside the GPU host.
 */

export type EngineName = 'wasm' | 'openblas' | 'gpujs' | 'webgpu';

/** What an answer calls the engine that ran: the words that the network knows. */
export type EngineBackend = 'cpu' | 'gpu' | 'webgpu';

export interface DeviceInfo {
  readonly name: string;
  /** `null` where the engine cannot tell. */
  readonly computeCapability: string | null;
  readonly memoryGB: number | null;
  readonly cudaCores: number | null;
  readonly [more: string]: unknown;
}

export interface EngineInfo {
  readonly name: EngineName;
  readonly backend: EngineBackend;
  /** The hardware, as its driver names it. */
  readonly device: string;
  readonly deviceInfo: DeviceInfo;
  /** A software adapter: it runs, but is no GPU. */
  readonly isSoftware: boolean;
  /** Most rows or columns that it can hold. */
  readonly maxSize: number;
  /** False where `product` takes drawn matrices only: sums of given ones are promised in an order it does not keep. */
  readonly takesGivenMatrices: boolean;
}

/** Where the time went; `null` where the engine does not tell the parts apart. */
export interface EngineTimings {
  readonly totalMs: number;
  readonly generateMs: number | null;
  readonly multiplyMs: number | null;
  readonly hashMs: number | null;
  readonly transferMs: number | null;
}

/** One round of proof mode: both inputs grow from their keys. */
export interface ProofRoundRequest {
  readonly size: number;
  /** 32 bytes each. */
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
}

export interface ProofRoundResult {
  /** One leaf of 32 bytes a row. */
  readonly leaves: Uint8Array;
  /** C[0][0] and C[⌊size/2⌋][⌊size/2⌋]. */
  readonly samples: readonly [number, number];
  readonly timings: EngineTimings;
}

/** Two matrices, row by row. */
export interface GivenMatrices {
  readonly kind: 'given';
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Over a SharedArrayBuffer where they go to threads. */
  readonly a: Float64Array;
  readonly b: Float64Array;
}

/** Two square matrices of values in [0, 1) that the engine draws from a key of 32 bytes (`drawMatrix`). */
export interface DrawnMatrices {
  readonly kind: 'drawn';
  readonly size: number;
  readonly key: Uint8Array;
}

export type ProductRequest = GivenMatrices | DrawnMatrices;

export interface ProductResult {
  /** SHA-256 over the cells in Go's `%.6f`, 32 bytes. */
  readonly root: Uint8Array;
  /** C[0][0] and C[⌊rows/2⌋][⌊columns/2⌋]. */
  readonly samples: readonly [number, number];
  /** The product itself when it has at most 100 rows. */
  readonly cells: Float64Array | undefined;
  readonly timings: EngineTimings;
}

export interface MatrixEngine {
  readonly info: EngineInfo;
  /** Rejects with the signal's reason when it aborts. */
  proofRound(request: ProofRoundRequest, signal: AbortSignal): Promise<ProofRoundResult>;
  /**
   * The CPU sums given matrices in float64, k ascending, and engines with float32 say so by their name; so roots
   * of given matrices may differ between engines, except where every sum is exact in both.
   */
  product(request: ProductRequest, signal: AbortSignal): Promise<ProductResult>;
}

/** Rows of C that an answer may carry in full. */
export const maxRowsInAnswer = 100;
