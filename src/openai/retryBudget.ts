/**
 * How many requests may be tried a second time: a share of all requests, so that retries cannot double the load on
 * backends that fail because of load. One per model and front, each with its part of what the node may retry: an exact
 * count over all fronts would buy nothing. Runs on the fronts.
 */

export interface RetryBudgetOptions {
  /** Of the requests; 0 allows no retry at all. */
  readonly percent: number;
  /** How many fronts share the reserve. */
  readonly fronts: number;
  readonly nowMs: number;
}

/** Lets a node with little traffic retry at all; then the share decides. */
const nodeReserve = 10;
/** Comes on top of the share, for the same reason. */
const nodePerSecond = 1;
/** Whose share is kept on top of the reserve, so that requests that fail all at once are no worse off. */
const savedRequests = 100;

export class RetryBudget {
  readonly #share: number;
  readonly #most: number;
  readonly #perMs: number;
  #tokens: number;
  #refilledAtMs: number;

  constructor({ percent, fronts, nowMs }: RetryBudgetOptions) {
    this.#share = percent / 100;
    const reserve = Math.max(1, nodeReserve / fronts);
    this.#most = reserve + savedRequests * this.#share;
    this.#perMs = nodePerSecond / fronts / 1_000;
    this.#tokens = reserve;
    this.#refilledAtMs = nowMs;
  }

  /** Counts a request in. */
  deposit(): void {
    this.#tokens = Math.min(this.#most, this.#tokens + this.#share);
  }

  /** Takes one retry; false when the budget is used up. */
  withdraw(nowMs: number): boolean {
    if (this.#share === 0) return false;
    this.#tokens = Math.min(this.#most, this.#tokens + (nowMs - this.#refilledAtMs) * this.#perMs);
    this.#refilledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
