/** An address as the five 32-bit words that the shared-memory tables compare. Runs everywhere. */

/** Five little-endian words of the 20 bytes; `into` saves the allocation. */
export function addressWords(bytes: Uint8Array, into = new Int32Array(5)): Int32Array {
  for (let word = 0, at = 0; word < 5; word++, at += 4) {
    into[word] =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
  }
  return into;
}
