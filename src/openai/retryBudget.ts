/**
 * How many requests may be tried a second time: a share of all requests, so that retries cannot double the load on
 * backends that fail because of load. One per model and front: what the fronts may retry adds up to the same share.
 * Runs on the fronts.
 */

/** Lets a node with little traffic retry at all; then the share decides. */
const reserve = 10;
/** Comes on top of the share, for the same reason. */
const perSecond = 1;

export class RetryBudget {
  readonly #share: number;
  #tokens = reserve;
  #refilledAtMs: number;

  /** @param percent of the requests; 0 allows no retry at all */
  constructor(percent: number, nowMs: number) {
    this.#share = percent / 100;
    this.#refilledAtMs = nowMs;
  }

  /** Counts a request in. */
  deposit(): void {
    this.#tokens = Math.min(reserve, this.#tokens + this.#share);
  }

  /** Takes one retry; false when the budget is used up. */
  withdraw(nowMs: number): boolean {
    if (this.#share === 0) return false;
    this.#tokens = Math.min(reserve, this.#tokens + ((nowMs - this.#refilledAtMs) / 1_000) * perSecond);
    this.#refilledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
