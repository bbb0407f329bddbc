/**
 * Waits until a transaction is confirmed, or until it is known that it never will be: because another one took its nonce,
 * or because the time is over. A transaction that the endpoints have forgotten is handed over again, and what an endpoint
 * says once is not believed when its next answer takes it back. Runs in the command line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import type { Chain } from './chain.js';
import { chainFailureKind } from './chainFailure.js';
import {
  findByNonce,
  isKnown,
  type MinedTransaction,
  type Receipt,
  readHeight,
  readNonce,
  readReceipt,
} from './receipt.js';
import { broadcast } from './sendTransaction.js';

export interface SentTransaction {
  readonly from: AddressText;
  readonly nonce: number;
  /** Every form in which it was signed: same nonce and call, other fees. At most one of them is ever mined. */
  readonly attempts: readonly { readonly hash: HexText; readonly raw: HexText }[];
  /** The height of the chain when it was signed. */
  readonly fromBlock: number;
}

export interface AwaitOptions {
  /** Blocks that have to agree, the one of the transaction included; from 1. */
  readonly confirmations: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (what: WaitProgress) => void;
}

export type WaitProgress =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'mined'; readonly block: number; readonly confirmations: number }
  /** No endpoint knew it, so it was handed over again. */
  | { readonly kind: 'resent' }
  | { readonly kind: 'unreachable'; readonly reason: string };

export type WaitOutcome =
  | { readonly kind: 'confirmed'; readonly receipt: Receipt }
  | { readonly kind: 'reverted'; readonly receipt: Receipt }
  /** Another transaction has the nonce; absent where it was not found. */
  | { readonly kind: 'replaced'; readonly by: MinedTransaction | undefined }
  /** The time is over: mined but too young, waiting at an endpoint, or known to none. */
  | { readonly kind: 'late'; readonly state: 'mined' | 'waiting' | 'unknown' };

const firstPollMs = 100;
const slowestPollMs = 2_000;
/** A mined nonce whose receipt is missing so often in a row: by then an endpoint's index has caught up. */
const missingReceipts = 4;
/** Polls between two hand-overs of a transaction that nobody knows. */
const resendEvery = 4;

export async function awaitTransaction(
  chain: Chain,
  sent: SentTransaction,
  { confirmations, withinMs, signal, onProgress }: AwaitOptions,
): Promise<WaitOutcome> {
  const endMs = performance.now() + withinMs;
  let pollMs = firstPollMs;
  let withoutReceipt = 0;
  let unknown = 0;
  let state: 'mined' | 'waiting' | 'unknown' = 'waiting';
  for (;;) {
    try {
      const outcome = await look();
      if (outcome !== undefined) return outcome;
    } catch (thrown) {
      // Endpoints come back; the deadline bounds the patience.
      if (chainFailureKind(thrown) === undefined || signal.aborted) throw thrown;
      onProgress({ kind: 'unreachable', reason: (thrown as Error).message });
    }
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return { kind: 'late', state };
    await sleep(Math.min(pollMs, leftMs), undefined, { signal });
    pollMs = Math.min(pollMs * 1.5, slowestPollMs);
  }

  async function look(): Promise<WaitOutcome | undefined> {
    const receipt = await anyReceipt();
    if (receipt !== undefined) {
      state = 'mined';
      withoutReceipt = 0;
      const deep = Math.max(1, (await readHeight(chain)) - receipt.blockNumber + 1);
      if (deep >= confirmations) {
        return { kind: receipt.isSuccess ? 'confirmed' : 'reverted', receipt };
      }
      onProgress({ kind: 'mined', block: receipt.blockNumber, confirmations: deep });
      return undefined;
    }
    if ((await readNonce(chain, sent.from, 'latest')) > sent.nonce) {
      withoutReceipt++;
      return withoutReceipt < missingReceipts ? undefined : await lookForReplacement();
    }
    withoutReceipt = 0;
    await lookForPending();
    return undefined;
  }

  async function anyReceipt(): Promise<Receipt | undefined> {
    for (const { hash } of sent.attempts) {
      const receipt = await readReceipt(chain, hash);
      if (receipt !== undefined) return receipt;
    }
    return undefined;
  }

  async function lookForReplacement(): Promise<WaitOutcome | undefined> {
    const { from: account, nonce, fromBlock } = sent;
    const by = await findByNonce(chain, { account, nonce, fromBlock });
    // It is in a block after all, only its receipt is kept back.
    if (by !== undefined && sent.attempts.some(({ hash }) => hash === by.hash.toLowerCase())) {
      state = 'mined';
      withoutReceipt = 0;
      onProgress({ kind: 'waiting' });
      return undefined;
    }
    return { kind: 'replaced', by };
  }

  async function lookForPending(): Promise<void> {
    for (const { hash } of sent.attempts) {
      if (await isKnown(chain, hash)) {
        state = 'waiting';
        unknown = 0;
        onProgress({ kind: 'waiting' });
        return;
      }
    }
    state = 'unknown';
    if (++unknown % resendEvery !== 0) return;
    await broadcast(chain, sent.attempts.at(-1)!.raw);
    onProgress({ kind: 'resent' });
  }
}
