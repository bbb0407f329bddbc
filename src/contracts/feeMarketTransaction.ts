/**
 * One transaction of a provider's owner: its bytes to sign (EIP-1559), its signed bytes and their hash, and the object that
 * JSON-RPC and external signers take. The key stays with the caller. Runs in the command line.
 */
import { hexToBytes, keccak256, numberToHex, serializeTransaction } from 'viem/utils';
import type { AddressText } from '../lib/address.js';
import { type HexText, hexText } from '../lib/hexText.js';

export interface FeeMarketTransaction {
  readonly chainId: number;
  readonly from: AddressText;
  readonly nonce: number;
  readonly to: AddressText;
  readonly data: HexText;
  readonly gas: bigint;
  /** Wei. */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export interface SignedTransaction {
  readonly hash: HexText;
  readonly raw: HexText;
}

const fieldsOf = ({ from: _, ...fields }: FeeMarketTransaction) => ({
  ...fields,
  type: 'eip1559' as const,
  value: 0n,
});

/** What is signed: the hash of these bytes. */
export const serializeUnsigned = (transaction: FeeMarketTransaction): HexText =>
  serializeTransaction(fieldsOf(transaction));

/** @param sign makes `r ‖ s ‖ v`, v 0 or 1, of a 32-byte digest */
export function signTransaction(
  transaction: FeeMarketTransaction,
  sign: (digest: Uint8Array) => Uint8Array,
): SignedTransaction {
  const signature = sign(hexToBytes(keccak256(serializeUnsigned(transaction))));
  const raw = serializeTransaction(fieldsOf(transaction), {
    r: hexText(signature.subarray(0, 32)),
    s: hexText(signature.subarray(32, 64)),
    yParity: signature[64]!,
  });
  return { hash: keccak256(raw), raw };
}

/** The argument of `eth_signTransaction`: quantities in hex. */
export function transactionObject(transaction: FeeMarketTransaction): Readonly<Record<string, string>> {
  const { from, to, data, chainId, nonce, gas, maxFeePerGas, maxPriorityFeePerGas } = transaction;
  return {
    type: '0x2',
    from,
    to,
    data,
    value: '0x0',
    chainId: numberToHex(chainId),
    nonce: numberToHex(nonce),
    gas: numberToHex(gas),
    maxFeePerGas: numberToHex(maxFeePerGas),
    maxPriorityFeePerGas: numberToHex(maxPriorityFeePerGas),
  };
}
