/** Bytes as the hex text that Ethereum writes: `0x` and lower-case digits. Runs everywhere. */
export const hexText = (bytes: Uint8Array): `0x${string}` =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
