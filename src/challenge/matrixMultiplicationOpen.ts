/**
 * `MATRIX_MULTIPLICATION_OPEN`: shows the rows of a committed product that the scheduler's nonce picks, each with its
 * path to the root. The rows are computed again; an opening that is refused on the way can be asked for again. Runs
 * in main.
 */
import * as Type from 'typebox';
import type { JobLane } from '../compute/jobLane.js';
import { type OpeningToRender, renderOpening } from '../compute/openingJson.js';
import { hexText } from '../lib/hexText.js';
import { openedRowIndices } from '../proof/openedRows.js';
import { maxOpenedRows } from '../proof/protocol.js';
import { type Challenger, defineChallenger } from './challenger.js';
import type { Commitments, OpenedCommitment } from './commitments.js';
import { JsonText } from './jsonText.js';

export interface RowsToOpen {
  readonly size: number;
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  readonly indices: readonly number[];
}

export interface MatrixMultiplicationOpenOptions {
  readonly commitments: Commitments;
  /** The rows of the product, one behind the other. */
  readonly openRows: (rows: RowsToOpen, signal: AbortSignal) => Promise<Int32Array>;
  /** Writes a large opening as JSON, away from this thread, over shared memory. */
  readonly renderOpening: (opening: OpeningToRender, signal: AbortSignal) => Promise<Uint8Array>;
  /** Openings are short; they do not wait behind multiplications. */
  readonly lane: JobLane;
  readonly deadlineMs: number;
}

const Payload = Type.Object({
  commitmentId: Type.String({ minLength: 1, maxLength: 128 }),
  nonce: Type.String({ pattern: '^[0-9a-fA-F]{64}$' }),
  rows: Type.Integer({ minimum: 1, maximum: maxOpenedRows }),
  round: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
});

/** More bytes of rows than this are not written as JSON in main. */
const bytesInMain = 262_144;

export function createMatrixMultiplicationOpenChallenger(
  options: MatrixMultiplicationOpenOptions,
): Challenger {
  const { commitments, lane } = options;

  const open = async (
    { commitment, round }: OpenedCommitment,
    { nonce, rows }: { nonce: Uint8Array; rows: number },
    signal: AbortSignal,
  ): Promise<object> => {
    const { size, rounds } = commitment;
    const { keyA, keyB, tree } = rounds[round]!;
    const indices = openedRowIndices({ roots: rounds.map((each) => each.tree.root), nonce, rows, size });
    const paths = indices.map((index) => tree.path(index).map(hexText));
    return await lane.run(async () => {
      const values = await options.openRows({ size, keyA, keyB, indices }, signal);
      const opening = { round, size, indices, values, paths };
      const isSmall = values.byteLength <= bytesInMain;
      return new JsonText(isSmall ? renderOpening(opening) : await options.renderOpening(opening, signal));
    }, signal);
  };

  return defineChallenger({
    type: 'MATRIX_MULTIPLICATION_OPEN',
    payload: Payload,
    deadlineMs: options.deadlineMs,
    async run({ commitmentId, nonce, rows, round }, { caller, signal, note }) {
      note({ commitmentId: commitmentId.slice(0, 32), rows, round: round ?? undefined });
      const taken = commitments.take(commitmentId, caller, round ?? undefined);
      try {
        return await open(taken, { nonce: Buffer.from(nonce, 'hex'), rows }, signal);
      } catch (thrown) {
        taken.giveBack();
        throw thrown;
      }
    },
  });
}
