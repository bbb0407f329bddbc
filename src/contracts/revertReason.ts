/** Why a contract refused a call, in words: its own text, a standard error, or what is known of the bytes. Runs in the command line. */
import { decodeErrorResult, isHex } from 'viem/utils';
import { contractErrorsAbi } from '#abis/contractErrors.js';
import { NodeError } from '../errors/nodeError.js';
import type { HexText } from '../lib/hexText.js';
import { printableText } from '../lib/printableText.js';

/** What an operator can make of errors that say little by their names. */
const explanations: Readonly<Record<string, string>> = {
  EnforcedPause: 'the whole contract is paused by its administrators',
  ExpectedPause: 'the contract is not paused',
  AccessControlUnauthorizedAccount: 'this account lacks a role',
  OwnableUnauthorizedAccount: 'this account is not the owner',
  ERC20InsufficientBalance: 'the account holds too few tokens',
  ERC20InsufficientAllowance: 'too few tokens are approved for the contract',
};

/** Solidity's numbers of panics that contracts really meet. */
const panics: Readonly<Record<string, string>> = {
  '1': 'a failed assertion',
  '17': 'an arithmetic overflow',
  '18': 'a division by zero',
  '33': 'a value outside its enum',
  '50': 'an index out of bounds',
};

/** A clause without a full stop; fit for a terminal, since the text comes from a contract. */
export function decodeRevert(data: HexText): string {
  if (data === '0x') return 'it gave no reason';
  let name: string;
  let args: readonly unknown[];
  try {
    const decoded = decodeErrorResult({ abi: contractErrorsAbi, data });
    name = decoded.errorName as string;
    args = (decoded.args ?? []) as readonly unknown[];
  } catch {
    // Any bytes may stand here; the decoder refuses what the interface does not list.
    return `with an error that the published interface does not list (selector ${data.slice(0, 10)})`;
  }
  if (name === 'Error') return `"${printableText(String(args[0]))}"`;
  if (name === 'Panic') return `it ran into ${panics[String(args[0])] ?? `panic ${String(args[0])}`}`;
  const call = printableText(`${name}(${args.map(String).join(', ')})`);
  const explanation = explanations[name];
  return explanation === undefined ? call : `${explanation}: ${call}`;
}

/** The reason in a chain failure of the kind `reverted`. */
export function revertReason(failure: unknown): string {
  const { data, said } = failure instanceof NodeError ? failure.meta : { data: undefined, said: undefined };
  if (isHex(data) && data !== '0x') return decodeRevert(data);
  // Some endpoints only repeat the contract's text within a sentence of their own.
  return typeof said === 'string' ? `the endpoint says "${printableText(said)}"` : decodeRevert('0x');
}
