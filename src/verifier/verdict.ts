/** What a verifier says about a node: verified, or refused for one reason, with the figures that were taken. */
import type { AddressText } from '../lib/address.js';

export const refusalReasons = [
  /** No connection, no complete answer, or none in time. */
  'unreachable',
  /** The node answered with an error; its code stands beside. */
  'refused',
  /** The answer has not the form that it must have, or is larger than it can be. */
  'malformed',
  'wrong_version',
  'wrong_address',
  'wrong_chain',
  'wrong_size',
  /** The commitment was out of date when it came. */
  'expired',
  /** Not by the expected key over this seed and these roots: another node's commitment, or that of another seed. */
  'bad_signature',
  /** `merkleRoot` is not the root of the last round. */
  'wrong_root',
  'wrong_round',
  /** Other rows than were asked for, or in another order. */
  'wrong_rows',
  /** A row is not the one that was committed to. */
  'wrong_path',
  /** A row is not a row of the product. */
  'wrong_values',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

/** Where in the conversation; `null` where that does not apply. */
export interface Place {
  readonly step: 'commitment' | 'opening';
  readonly round: number | null;
  readonly row: number | null;
}

/** A return value, never thrown. */
export class Refusal {
  readonly reason: RefusalReason;
  /** For people; quotes nothing that the node sent. */
  readonly detail: string;
  readonly place: Place;
  /** HTTP status of a node that refused. */
  readonly status: number | null;
  /** The node's own code. */
  readonly code: string | null;

  constructor(
    reason: RefusalReason,
    detail: string,
    {
      place = commitmentPlace,
      status = null,
      code = null,
    }: Partial<Pick<Refusal, 'place' | 'status' | 'code'>> = {},
  ) {
    this.reason = reason;
    this.detail = detail;
    this.place = place;
    this.status = status;
    this.code = code;
  }
}

export const commitmentPlace: Place = { step: 'commitment', round: null, row: null };
export const openingPlace = (round: number, row: number | null = null): Place => ({
  step: 'opening',
  round,
  row,
});

/** What the node says about its own work. Not signed, and nothing here depends on it. */
export interface NodeClaim {
  readonly backend: string | null;
  readonly device: string | null;
  readonly timeMs: number | null;
  readonly tops: number | null;
}

export interface PassChance {
  /** Share of the rows that a prover did not compute. */
  readonly skippedShare: number;
  /** That it passes the opening of one round all the same. */
  readonly chance: number;
}

interface Figures {
  readonly address: AddressText;
  readonly chainId: number;
  readonly size: number;
  readonly rounds: number;
  /** Opened in each round. */
  readonly rows: number;
  /** From the request for the commitment to its answer, by the verifier's clock; `null` when there was none. */
  readonly timeMs: number | null;
  /** 10^12 operations a second in that time: 2·size³ a round. */
  readonly tops: number | null;
  readonly claim: NodeClaim | null;
  readonly passChances: readonly PassChance[];
}

export interface Verified extends Figures {
  readonly verified: true;
  readonly reason: null;
}

export interface Refused extends Figures, Readonly<Refusal> {
  readonly verified: false;
}

export type Verdict = Verified | Refused;

const namedShares = [0.01, 0.05, 0.1, 0.5];

/** Upper bounds: rows are drawn without repetition, which makes a lie a little riskier. */
export function passChances(openedRows: number): PassChance[] {
  return namedShares.map((skippedShare) => ({ skippedShare, chance: (1 - skippedShare) ** openedRows }));
}

export function teraOperations(size: number, rounds: number, timeMs: number): number | null {
  return timeMs > 0 ? (2 * size ** 3 * rounds) / (timeMs / 1_000) / 1e12 : null;
}
