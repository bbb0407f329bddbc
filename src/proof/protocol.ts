/**
 * The names and limits of the verifiable matrix multiplication `fxn-matmul-1`: inputs grown from a seed that the
 * prover could not know, an exact integer product, a Merkle root over its rows, and rows opened afterwards.
 */

/** Version of the protocol; also what its hashes and signatures are bound to. */
export const proofVersion = 'fxn-matmul-1';

/** Up to here a sum of products of two int8 values, neither of them −128, fits an int32. */
export const maxExactSize = 133_144;

export const seedBytes = 32;
export const rootBytes = 32;
export const leafBytes = 32;

/** Rows that one opening may ask for. */
export const maxOpenedRows = 1_024;
