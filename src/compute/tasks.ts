/**
 * The tasks of the compute pool: name → argument and result, both structured-clonable. The worker implements
 * the table and the pool calls it; `satisfies` on both sides keeps them the same.
 */

export interface ComputeTasks {
  recoverSigner: {
    argument: { digest: Uint8Array; signature: Uint8Array; recoveryId: 0 | 1 };
    /** The signer's 20 bytes. */
    result: Uint8Array | undefined;
  };
}

export type ComputeTaskName = keyof ComputeTasks;

/** What a compute worker must offer. */
export type ComputeTaskTable = {
  [Name in ComputeTaskName]: (argument: ComputeTasks[Name]['argument']) => ComputeTasks[Name]['result'];
};
