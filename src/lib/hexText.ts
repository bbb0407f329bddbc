/** Bytes as the hex text that Ethereum writes: `0x` and lower-case digits. Runs everywhere. */
export type HexText = `0x${string}`;

export const hexText = (bytes: Uint8Array): HexText =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
