/**
 * Commitments of proof mode that can still be opened: who asked, the keys and row tree of each round, and which rounds
 * were opened. The product itself is not kept; the rows of an opening are computed again. The budget counts what the
 * products would take all the same, so that a scheduler finds the same bound on every node. Runs in main, so that an
 * opening may arrive at any front.
 */
import { LRUCache } from 'lru-cache';
import { NodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';
import type { Clock } from '../lib/clock.js';
import type { RowTree } from '../proof/rowTree.js';

export interface CommittedRound {
  readonly keyA: Uint8Array;
  readonly keyB: Uint8Array;
  readonly tree: RowTree;
}

export interface Commitment {
  readonly id: string;
  /** Who may open it. */
  readonly caller: AddressText;
  readonly size: number;
  readonly rounds: readonly CommittedRound[];
}

export interface Commitments {
  /** @throws NodeError `invalid_payload` when it alone is over the budget */
  checkCost(size: number, rounds: number): void;
  /**
   * Keeps it, dropping the oldest ones where the budget asks for it.
   * @returns Unix second in which it ends
   */
  add(commitment: Commitment): number;
  /**
   * The commitment, with one round of it marked as opened; `giveBack` undoes the mark.
   * @throws NodeError `commitment_not_found`, `commitment_opened`, `commitment_expired`, `invalid_payload`
   */
  take(id: string, caller: AddressText, round: number | undefined): OpenedCommitment;
  /** Commitments that can be opened now. */
  readonly held: number;
}

export interface OpenedCommitment {
  readonly commitment: Commitment;
  readonly round: number;
  giveBack(): void;
}

interface Held {
  readonly commitment: Commitment;
  readonly expiresAtMs: number;
  readonly opened: Set<number>;
}

/** Ids of ended commitments that are still answered with 410 instead of 404. */
const rememberedEnds = 4_096;
const bytesPerCell = 4;
/**
 * Held at once, whatever their size: a round of a small product weighs more here, about a kilobyte, than the budget
 * charges for it. Sixteen of the longest commitments.
 */
const maxHeldRounds = 65_536;

export function createCommitments(options: {
  readonly ttlMs: number;
  readonly budgetBytes: number;
  readonly clock: Clock;
}): Commitments {
  const { ttlMs, budgetBytes, clock } = options;
  /** Oldest first. */
  const held = new Map<string, Held>();
  const ended = new LRUCache<string, AddressText>({ max: rememberedEnds });
  let heldBytes = 0;
  let heldRounds = 0;

  const costOf = (size: number, rounds: number): number => rounds * size * size * bytesPerCell;

  const remove = (id: string, { commitment }: Held): void => {
    held.delete(id);
    heldBytes -= costOf(commitment.size, commitment.rounds.length);
    heldRounds -= commitment.rounds.length;
  };
  const sweep = (): void => {
    const nowMs = clock.nowMs();
    for (const [id, entry] of held) {
      // All live equally long, so the first one that lives ends the search.
      if (entry.expiresAtMs > nowMs) return;
      remove(id, entry);
      ended.set(id, entry.commitment.caller);
    }
  };

  return {
    checkCost(size, rounds) {
      const cost = costOf(size, rounds);
      if (cost <= budgetBytes) return;
      const message = `rounds × size² × 4 is ${cost} bytes; this node holds commitments of at most ${budgetBytes}.`;
      throw new NodeError('invalid_payload', { message });
    },
    add(commitment) {
      sweep();
      heldBytes += costOf(commitment.size, commitment.rounds.length);
      heldRounds += commitment.rounds.length;
      for (const [id, entry] of held) {
        if (heldBytes <= budgetBytes && heldRounds <= maxHeldRounds) break;
        remove(id, entry);
      }
      const expiresAtS = Math.ceil((clock.nowMs() + ttlMs) / 1_000);
      held.set(commitment.id, { commitment, expiresAtMs: expiresAtS * 1_000, opened: new Set() });
      return expiresAtS;
    },
    take(id, caller, round) {
      sweep();
      const entry = held.get(id);
      if (entry === undefined || entry.commitment.caller !== caller) {
        const wasCallers = entry === undefined && ended.get(id) === caller;
        throw new NodeError(wasCallers ? 'commitment_expired' : 'commitment_not_found');
      }
      const { commitment, opened } = entry;
      const wanted = round ?? commitment.rounds.length - 1;
      if (wanted >= commitment.rounds.length) {
        const message = `round must be below ${commitment.rounds.length}, the rounds of this commitment.`;
        throw new NodeError('invalid_payload', { message });
      }
      if (opened.has(wanted)) throw new NodeError('commitment_opened');
      opened.add(wanted);
      return { commitment, round: wanted, giveBack: () => opened.delete(wanted) };
    },
    get held() {
      sweep();
      return held.size;
    },
  };
}
