/**
 * Rows of matrices times a vector modulo 2^61 − 1, in WebAssembly. One instance serves a thread: a check runs to its
 * end without a break, and what it leaves in memory is overwritten by the next. Runs in the command line and in
 * whatever else verifies.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Node has it; its types are the browser's. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: unknown };
};

/** A Mersenne prime, so that powers of two are rotations; above 2^60, which bounds the chance of a lucky lie. */
export const fieldPrime = 2n ** 61n - 1n;

/** A vector element is four int16 limbs: l0 + l1·2^16 + l2·2^32 + l3·2^48. */
const limbCount = 4;
const stepColumns = 16;
/** Rows of input are generated and multiplied in pieces of about this: they stay in the cache of a core. */
const pieceBytes = 256 * 1_024;
const pageBytes = 65_536;

interface Kernel {
  multiplyValues(values: number, rows: number, columns: number, limbs: number, results: number): void;
  multiplyCells(cells: number, columns: number, limbs: number): bigint;
  splitIntoLimbs(values: number, columns: number, limbs: number): void;
}

/** Bytes of input rows, to be written into `target`; `offset` counts from the first row. */
export type FillRows = (offset: number, target: Uint8Array) => void;

/** Random bytes for a vector of `columns` elements. */
export const vectorBytes = (columns: number): number => columns * limbCount * 2;

export class RowArithmetic {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernel: Kernel;

  constructor() {
    const path = fileURLToPath(import.meta.resolve('#dist/wasm/fieldRows.wasm'));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
      env: { memory: this.#memory },
    });
    this.#kernel = exports as Kernel;
  }

  /**
   * The vector that the others are multiplied by, from `vectorBytes` bytes. Uniform bytes make 2^64 values, of which
   * at most 9 are the same modulo the prime: no residue is likelier than 9 / 2^64 < 2^-60.
   */
  load(columns: number, bytes: Uint8Array): LoadedVector {
    const places = placesFor(columns);
    const missing = places.end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes));
    const limbs = new Uint8Array(this.#memory.buffer, places.vector, places.limbBytes);
    limbs.fill(0);
    for (let limb = 0; limb < limbCount; limb++) {
      const from = limb * columns * 2;
      limbs.set(bytes.subarray(from, from + columns * 2), (limb * places.limbBytes) / limbCount);
    }
    return new LoadedVector(this.#kernel, this.#memory.buffer, columns, places);
  }
}

interface Places {
  readonly limbBytes: number;
  readonly vector: number;
  /** The product of a matrix and the vector: as u64, then as limbs. */
  readonly product: number;
  readonly productLimbs: number;
  readonly piece: number;
  readonly rowsAtOnce: number;
  readonly cells: number;
  readonly result: number;
  readonly end: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / stepColumns) * stepColumns;

function placesFor(columns: number): Places {
  const limbBytes = limbCount * 2 * aligned(columns);
  const rowsAtOnce = Math.min(columns, Math.max(1, Math.floor(pieceBytes / columns)));
  const vector = 0;
  const product = vector + limbBytes;
  const productLimbs = product + aligned(columns * 8);
  const piece = productLimbs + limbBytes;
  // The kernel reads whole steps, so up to 15 bytes behind the last row.
  const cells = piece + aligned(rowsAtOnce * columns) + stepColumns;
  const result = cells + aligned(columns * 4);
  return {
    limbBytes,
    vector,
    product,
    productLimbs,
    piece,
    rowsAtOnce,
    cells,
    result,
    end: result + stepColumns,
  };
}

/** Good until the next `load`. */
class LoadedVector {
  readonly #kernel: Kernel;
  readonly #buffer: ArrayBuffer;
  readonly #columns: number;
  readonly #places: Places;

  constructor(kernel: Kernel, buffer: ArrayBuffer, columns: number, places: Places) {
    this.#kernel = kernel;
    this.#buffer = buffer;
    this.#columns = columns;
    this.#places = places;
  }

  /** Multiplies a square matrix by the vector; `timesProduct` goes on with the result. */
  multiplyMatrix(fill: FillRows): void {
    const { vector, product, productLimbs, piece, rowsAtOnce } = this.#places;
    const columns = this.#columns;
    for (let row = 0; row < columns; row += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, columns - row);
      fill(row * columns, new Uint8Array(this.#buffer, piece, rows * columns));
      this.#kernel.multiplyValues(piece, rows, columns, vector, product + row * 8);
    }
    this.#kernel.splitIntoLimbs(product, columns, productLimbs);
  }

  /** Element of the matrix's product with the vector, as the last `multiplyMatrix` left it. */
  productAt(row: number): bigint {
    return new DataView(this.#buffer).getBigUint64(this.#places.product + row * 8, true);
  }

  /** A row of input values times the product of the matrix and the vector. */
  timesProduct(fill: (target: Uint8Array) => void): bigint {
    const { piece, productLimbs, result } = this.#places;
    fill(new Uint8Array(this.#buffer, piece, this.#columns));
    this.#kernel.multiplyValues(piece, 1, this.#columns, productLimbs, result);
    return new DataView(this.#buffer).getBigUint64(result, true);
  }

  /**
   * A row of a product times the vector.
   * @param row int32 little-endian values
   */
  timesVector(row: Uint8Array): bigint {
    const { cells, vector } = this.#places;
    new Uint8Array(this.#buffer, cells, this.#columns * 4).set(row);
    return BigInt.asUintN(64, this.#kernel.multiplyCells(cells, this.#columns, vector));
  }
}
