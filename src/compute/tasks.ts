/**
 * The tasks of the compute pool: name → argument and result, both structured-clonable. The worker implements
 * the table and the pool calls it; `satisfies` on both sides keeps them the same.
 */
import type { NodeErrorData } from '../errors/nodeError.js';
import type { ChallengeBody } from '../lib/challengeBody.js';
import type { DrawnRows } from './drawMatrix.js';
import type { MatrixToRender } from './matrixJson.js';
import type { OpenedBand } from './openedBand.js';
import type { OpeningToRender } from './openingJson.js';
import type { ProductBand } from './productBand.js';
import type { CellsToHash, ProductRootResult } from './productRoot.js';
import type { ProofBand, ProofBandResult } from './proofBand.js';

export interface ComputeTasks {
  recoverSigner: {
    argument: { digest: Uint8Array; signature: Uint8Array; recoveryId: 0 | 1 };
    /** The signer's 20 bytes. */
    result: Uint8Array | undefined;
  };
  proofBand: { argument: ProofBand; result: ProofBandResult };
  openedBand: { argument: OpenedBand; result: undefined };
  drawnBand: {
    /** `target` is those rows of the matrix, over shared memory. */
    argument: { rows: DrawnRows; target: Float32Array };
    result: undefined;
  };
  productBand: { argument: ProductBand; result: undefined };
  productRoot: { argument: CellsToHash; result: ProductRootResult };
  /** A refusal is a result: what a task throws is taken for a fault of this program. */
  readChallenge: {
    argument: { body: Uint8Array; maxMatrixSize: number };
    result: { read: ChallengeBody } | { refused: NodeErrorData };
  };
  renderMatrix: { argument: MatrixToRender; result: string };
  /** Over shared memory: so long a text would be copied at every thread that it passes. */
  renderOpening: { argument: OpeningToRender; result: Uint8Array };
}

export type ComputeTaskName = keyof ComputeTasks;

/** What a compute worker must offer. */
export type ComputeTaskTable = {
  [Name in ComputeTaskName]: (argument: ComputeTasks[Name]['argument']) => ComputeTasks[Name]['result'];
};
