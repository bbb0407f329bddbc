/** Entry of a compute thread: lowers its own priority and offers the tasks by name to Piscina. */
import { setPriority } from 'node:os';
import { recoverInJavaScript } from '#src/auth/recoverInJavaScript.js';
import type { ComputeTaskTable } from '#src/compute/tasks.js';

/** Nice value 15: tokens come first. On Linux a thread can lower itself alone; elsewhere it is left as it is. */
if (process.platform === 'linux') setPriority(0, 15);

const tasks = { recoverSigner: recoverInJavaScript } satisfies ComputeTaskTable;

export const recoverSigner = tasks.recoverSigner;
