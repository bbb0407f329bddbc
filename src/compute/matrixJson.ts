/** A matrix as the JSON of its rows, for answers whose text would hold main up. Runs in compute threads. */

export interface MatrixToRender {
  readonly cells: Float64Array;
  readonly columns: number;
}

export function renderMatrix({ cells, columns }: MatrixToRender): string {
  const rows: string[] = [];
  for (let at = 0; at < cells.length; at += columns) {
    rows.push(`[${cells.subarray(at, at + columns).join(',')}]`);
  }
  return `[${rows.join(',')}]`;
}
