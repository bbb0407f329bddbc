/**
 * A rectangle of a product in float64. It packs what it needs block by block of k and keeps nothing between two
 * rectangles. Runs in the compute threads.
 */
import { feelWeight } from '../lib/sharedWeight.js';
import { keepWhileUsed } from './keepWhileUsed.js';
import { openKernel, type WasmKernel } from './wasmKernel.js';

/** Over shared memory: given in float64, or drawn, which float32 holds exactly. */
export type MatrixValues = Float64Array | Float32Array;

export interface ProductBand {
  readonly a: MatrixValues;
  readonly b: MatrixValues;
  /** The whole product, over shared memory. */
  readonly target: Float64Array;
  /** Columns of A, rows of B. */
  readonly inner: number;
  /** Of B and the product. */
  readonly columns: number;
  readonly firstRow: number;
  readonly bandRows: number;
  readonly firstColumn: number;
  readonly bandColumns: number;
}

interface DoubleExports {
  multiplyDouble(a: number, b: number, c: number, groups: number, panels: number, inner: number): void;
}

/** Of k: 8 KiB a panel of B, 8 KiB a group of A, which the first cache holds together. */
const blockLength = 250;
/** Rows and columns of a tile. */
const tile = 4;
const tileCells = tile * tile;
/** Where the kernel's data begins, in values: what lies below belongs to the compiler. */
const baseIndex = 512;

const withKernel = keepWhileUsed(() => openKernel<DoubleExports>('matmulDouble'));

export function multiplyBand(band: ProductBand): undefined {
  feelWeight(band.target.byteLength);
  withKernel((kernel) => multiplyWith(kernel, band));
}

function multiplyWith({ exports, reserve }: WasmKernel<DoubleExports>, band: ProductBand): void {
  const { a, b, target, inner, columns, firstRow, bandRows, firstColumn, bandColumns } = band;
  const groups = Math.ceil(bandRows / tile);
  const panels = Math.ceil(bandColumns / tile);
  const packedA = baseIndex;
  const packedB = packedA + groups * tile * blockLength;
  const tiles = packedB + panels * tile * blockLength;
  const end = tiles + groups * panels * tileCells;
  const memory = new Float64Array(reserve(end * 8));
  // Columns and rows beyond the band are never read, and whatever is packed there is multiplied for nothing.
  memory.fill(0, tiles, end);
  for (let firstK = 0; firstK < inner; firstK += blockLength) {
    const length = Math.min(blockLength, inner - firstK);
    for (let row = 0; row < bandRows; row++) {
      const from = (firstRow + row) * inner + firstK;
      const to = packedA + (row - (row % tile)) * length + (row % tile);
      for (let k = 0; k < length; k++) memory[to + k * tile] = a[from + k]!;
    }
    for (let k = 0; k < length; k++) {
      const from = (firstK + k) * columns + firstColumn;
      for (let column = 0, to = packedB + k * tile; column < bandColumns; column += tile) {
        // Beyond the band's last column lie other values of B, or none.
        memory[to] = b[from + column]!;
        memory[to + 1] = b[from + column + 1]!;
        memory[to + 2] = b[from + column + 2]!;
        memory[to + 3] = b[from + column + 3]!;
        to += tile * length;
      }
    }
    exports.multiplyDouble(packedA * 8, packedB * 8, tiles * 8, groups, panels, length);
  }
  for (let row = 0; row < bandRows; row++) {
    const to = (firstRow + row) * columns + firstColumn;
    const from = tiles + Math.floor(row / tile) * panels * tileCells + (row % tile) * tile;
    for (let column = 0; column < bandColumns; column++) {
      const inPanel = column % tile;
      target[to + column] = memory[from + ((column - inPanel) / tile) * tileCells + inPanel]!;
    }
  }
}
