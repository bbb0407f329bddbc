/** What the node signs with a commitment (EIP-191 over this text): roots that nobody else can claim or disown. */
import { proofVersion } from './protocol.js';

export interface CommitStatement {
  readonly commitmentId: string;
  /** 64 hex digits, lower case, no `0x`. */
  readonly seed: string;
  readonly size: number;
  readonly chainId: number;
  /** `0x` and 64 hex digits each, of all rounds in order. */
  readonly roots: readonly string[];
}

export function commitStatement({ commitmentId, seed, size, chainId, roots }: CommitStatement): string {
  return [`${proofVersion}/commit`, commitmentId, seed, size, chainId, ...roots].join('\n');
}
