/**
 * Keccak-256 in WebAssembly (`assembly/keccak.ts`): about half a microsecond a block, where JavaScript, which has
 * no integers of 64 bits that are fast, takes eight. Runs wherever digests are made; each thread has its own.
 */
import { openWasmInstance } from '../lib/wasmInstance.js';

interface Kernel {
  readonly absorb: (blocks: number, isFirst: number) => void;
  /** Whole blocks, and less than one more. */
  readonly input: Buffer;
  readonly state: Buffer;
}

/** Places in the kernel's memory. */
const stateAt = 4_096;
const inputAt = 8_192;
const blockBytes = 136;
const digestBytes = 32;
/** What is taken in at once: far more than any request's digest needs. */
const inputBlocks = 400;
const inputBytes = inputBlocks * blockBytes;

let kernel: Kernel | undefined;

/** @returns 32 bytes; `into` saves the allocation */
export function keccak256(bytes: Uint8Array, into?: Uint8Array): Uint8Array {
  kernel ??= openKernel();
  let from = 0;
  for (; bytes.length - from >= inputBytes; from += inputBytes) {
    kernel.input.set(bytes.subarray(from, from + inputBytes));
    kernel.absorb(inputBlocks, from === 0 ? 1 : 0);
  }
  kernel.input.set(from === 0 ? bytes : bytes.subarray(from));
  return finish(kernel, bytes.length - from, from === 0, into);
}

/**
 * The same of a text of one byte a character.
 * @returns 32 bytes; `into` saves the allocation
 */
export function keccak256OfLatin1(text: string, into?: Uint8Array): Uint8Array {
  if (text.length >= inputBytes) return keccak256(Buffer.from(text, 'latin1'), into);
  kernel ??= openKernel();
  return finish(kernel, kernel.input.write(text, 'latin1'), true, into);
}

/** Pads what the input still holds of a message, less than `inputBytes`, and ends it. */
function finish(
  { absorb, input, state }: Kernel,
  used: number,
  isFirst: boolean,
  into: Uint8Array = new Uint8Array(digestBytes),
): Uint8Array {
  const blocks = Math.floor(used / blockBytes) + 1;
  const end = blocks * blockBytes;
  input.fill(0, used, end);
  input[used] = 0x01;
  input[end - 1]! |= 0x80;
  absorb(blocks, isFirst ? 1 : 0);
  into.set(state);
  return into;
}

function openKernel(): Kernel {
  const { exports, memory } = openWasmInstance<Pick<Kernel, 'absorb'>>('keccak');
  return {
    absorb: exports.absorb,
    input: Buffer.from(memory, inputAt, inputBytes),
    state: Buffer.from(memory, stateAt, digestBytes),
  };
}
