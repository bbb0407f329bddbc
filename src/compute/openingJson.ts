/** The JSON of opened rows, which can be tens of megabytes. Runs in main and, for large ones, in compute threads. */

export interface OpeningToRender {
  readonly round: number;
  readonly size: number;
  /** In the order in which they are shown. */
  readonly indices: readonly number[];
  /** The rows, one behind the other. */
  readonly values: Int32Array;
  /** Of each row, leaf to top, `0x` and hex. */
  readonly paths: readonly (readonly string[])[];
}

/** The same in UTF-8, over shared memory. */
export function renderSharedOpening(opening: OpeningToRender): Uint8Array {
  const text = renderOpening(opening);
  // It is ASCII, so as long in bytes.
  const bytes = new Uint8Array(new SharedArrayBuffer(text.length));
  Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
}

export function renderOpening({ round, size, indices, values, paths }: OpeningToRender): string {
  const rowBytes = size * 4;
  const rows = indices.map((index, place) => ({
    index,
    values: Buffer.from(values.buffer, values.byteOffset + place * rowBytes, rowBytes).toString('base64'),
    path: paths[place],
  }));
  return JSON.stringify({ round, rows });
}
