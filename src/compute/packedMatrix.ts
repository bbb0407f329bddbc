/** Matrices as a challenge brings them, read out of JSON and checked. Runs in main and in compute threads. */
import { NodeError } from '../errors/nodeError.js';

export interface PackedMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Row by row, over a SharedArrayBuffer: threads read it where it lies. */
  readonly values: Float64Array;
}

const isPackedMatrix = (value: unknown): value is PackedMatrix =>
  typeof value === 'object' && value !== null && (value as PackedMatrix).values instanceof Float64Array;

/**
 * @param name what the payload calls it, for the error
 * @param maxSize rows and columns at most
 * @throws NodeError `invalid_payload` for anything but rows of finite numbers, all of one length
 */
export function packMatrix(value: unknown, name: string, maxSize: number): PackedMatrix {
  if (isPackedMatrix(value)) return value;
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(`${name} must be a list of rows that is not empty.`);
  }
  if (value.length > maxSize)
    throw invalid(`${name} has ${value.length} rows; at most ${maxSize} are allowed.`);
  const first: unknown = value[0];
  if (!Array.isArray(first) || first.length === 0) {
    throw invalid(`${name}[0] must be a list of numbers that is not empty.`);
  }
  const columns = first.length;
  if (columns > maxSize) throw invalid(`${name} has ${columns} columns; at most ${maxSize} are allowed.`);
  const rows = value.length;
  const values = new Float64Array(new SharedArrayBuffer(rows * columns * 8));
  for (let i = 0; i < rows; i++) {
    const row: unknown = value[i];
    if (!Array.isArray(row) || row.length !== columns) {
      throw invalid(`${name}[${i}] must be a list of ${columns} numbers, as ${name}[0] is.`);
    }
    for (let j = 0; j < columns; j++) {
      const cell: unknown = row[j];
      if (typeof cell !== 'number' || !Number.isFinite(cell)) {
        throw invalid(`${name}[${i}][${j}] must be a finite number.`);
      }
      values[i * columns + j] = cell;
    }
  }
  return { rows, columns, values };
}

const invalid = (message: string): NodeError => new NodeError('invalid_payload', { message });
