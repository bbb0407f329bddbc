/** Entry of a compute thread: lowers its own priority and offers the tasks by name to Piscina. */
import { setPriority } from 'node:os';
import { recoverInJavaScript } from '#src/auth/recoverInJavaScript.js';
import { readLargeChallenge } from '#src/challenge/readChallenge.js';
import { fillDrawnRows } from '#src/compute/drawMatrix.js';
import { renderMatrix as renderMatrixText } from '#src/compute/matrixJson.js';
import { openBand } from '#src/compute/openedBand.js';
import { renderSharedOpening } from '#src/compute/openingJson.js';
import { multiplyBand } from '#src/compute/productBand.js';
import { hashCells } from '#src/compute/productRoot.js';
import { proveBand } from '#src/compute/proofBand.js';
import type { ComputeTaskTable } from '#src/compute/tasks.js';
import { toNodeError } from '#src/errors/nodeError.js';

/** Nice value 15: tokens come first. On Linux a thread can lower itself alone; elsewhere it is left as it is. */
if (process.platform === 'linux') setPriority(0, 15);

const tasks = {
  recoverSigner: recoverInJavaScript,
  proofBand: proveBand,
  openedBand: openBand,
  drawnBand: ({ rows, target }) => fillDrawnRows(rows, target),
  productBand: multiplyBand,
  productRoot: hashCells,
  readChallenge({ body, maxMatrixSize }) {
    try {
      return { read: readLargeChallenge(body, maxMatrixSize) };
    } catch (thrown) {
      return { refused: toNodeError(thrown).toData() };
    }
  },
  renderMatrix: renderMatrixText,
  renderOpening: renderSharedOpening,
} satisfies ComputeTaskTable;

// Piscina finds a task by the name of its export.
export const {
  recoverSigner,
  proofBand,
  openedBand,
  drawnBand,
  productBand,
  productRoot,
  readChallenge,
  renderMatrix,
  renderOpening,
} = tasks;
