/**
 * SipHash-2-4 with 128 bits of output, in WebAssembly (`assembly/sipHash.ts`): what tables in shared memory place and
 * compare their entries by. Whoever does not know the key can neither foresee nor repeat a hash; a call takes a tenth of
 * what SHA-256 costs through `node:crypto`. Runs on the fronts.
 */
import { openWasmInstance } from '../lib/wasmInstance.js';

interface Kernel {
  readonly hash: (bytes: number) => void;
  readonly key: Int32Array;
  readonly digest: Int32Array;
  readonly inputWords: Int32Array;
  readonly input: Uint8Array;
}

/** Places in the kernel's memory. */
const keyAt = 1_024;
const digestAt = 1_040;
const inputAt = 1_056;

export const sipKeyWords = 4;
export const sipDigestWords = 4;
/** What the input holds, words and text together. */
export const maxSipBytes = 4_096;

let kernel: Kernel | undefined;

/**
 * Hashes words and, behind them, a text of one byte a character.
 *
 * @param key four words
 * @returns four words, which the next call overwrites
 */
export function sipHash(key: Int32Array, words: Int32Array, text: string): Int32Array {
  kernel ??= openKernel();
  const { input, inputWords } = kernel;
  const start = words.length * 4;
  const end = start + text.length;
  if (end > maxSipBytes) throw new RangeError(`${end} bytes are too many to hash`);
  kernel.key.set(key);
  for (let i = 0; i < words.length; i++) inputWords[i] = words[i]!;
  // A loop, because texts are short and a native call would cost more.
  for (let i = 0; i < text.length; i++) input[start + i] = text.charCodeAt(i);
  kernel.hash(end);
  return kernel.digest;
}

function openKernel(): Kernel {
  const { exports, memory } = openWasmInstance<Pick<Kernel, 'hash'>>('sipHash');
  return {
    hash: exports.hash,
    key: new Int32Array(memory, keyAt, sipKeyWords),
    digest: new Int32Array(memory, digestAt, sipDigestWords),
    inputWords: new Int32Array(memory, inputAt, maxSipBytes / 4),
    input: new Uint8Array(memory, inputAt, maxSipBytes),
  };
}
