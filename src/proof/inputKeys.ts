/**
 * The ChaCha20 keys that both input matrices of a round grow from. They bind the seed to one prover on one chain
 * and each round to the result of the one before it, so that rounds can be neither shared nor started early.
 */
import { createHash } from 'node:crypto';
import { type AddressText, addressBytes } from '../lib/address.js';
import { proofVersion, rootBytes } from './protocol.js';

export interface RoundInputs {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** The prover's. */
  readonly address: AddressText;
  readonly chainId: number;
  /** From 0. */
  readonly round: number;
  /** Root of the round before; zeros for the first. */
  readonly previousRoot: Uint8Array;
}

export interface RoundKeys {
  /** 32 bytes each. */
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

export const firstPreviousRoot: Uint8Array = new Uint8Array(rootBytes);

export function roundKeys(inputs: RoundInputs): RoundKeys {
  return { a: inputKey('A', inputs), b: inputKey('B', inputs) };
}

function inputKey(matrix: 'A' | 'B', inputs: RoundInputs): Uint8Array {
  const { seed, address, chainId, round, previousRoot } = inputs;
  const numbers = Buffer.alloc(12);
  numbers.writeBigUInt64BE(BigInt(chainId), 0);
  numbers.writeUInt32BE(round, 8);
  return createHash('sha256')
    .update(`${proofVersion}/${matrix}\0`)
    .update(seed)
    .update(addressBytes(address))
    .update(numbers)
    .update(previousRoot)
    .digest();
}
