/** The names of the challenge types that more than one file must know. */

export const matrixMultiplicationType = 'MATRIX_MULTIPLICATION';
