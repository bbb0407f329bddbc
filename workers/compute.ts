/** Entry of a compute thread: lowers its own priority and offers the tasks by name to Piscina. */
import { setPriority } from 'node:os';
import { recoverInJavaScript } from '#src/auth/recoverInJavaScript.js';
import { fillDrawnRows } from '#src/compute/drawMatrix.js';
import { openBand } from '#src/compute/openedBand.js';
import { multiplyBand } from '#src/compute/productBand.js';
import { hashCells } from '#src/compute/productRoot.js';
import { proveBand } from '#src/compute/proofBand.js';
import type { ComputeTaskTable } from '#src/compute/tasks.js';

/** Nice value 15: tokens come first. On Linux a thread can lower itself alone; elsewhere it is left as it is. */
if (process.platform === 'linux') setPriority(0, 15);

const tasks = {
  recoverSigner: recoverInJavaScript,
  proofBand: proveBand,
  openedBand: openBand,
  drawnBand: ({ rows, target }) => fillDrawnRows(rows, target),
  productBand: multiplyBand,
  productRoot: hashCells,
} satisfies ComputeTaskTable;

// Piscina finds a task by the name of its export.
export const { recoverSigner, proofBand, openedBand, drawnBand, productBand, productRoot } = tasks;
