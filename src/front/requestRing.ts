/**
 * The last requests that a front has answered, kept until somebody asks: what a request costs here is one small object
 * among the last ones. Metadata only, nothing of content. Runs on the fronts.
 */
import type { RecentRequest } from '../console/statusDocument.js';
import { Ring } from '../lib/ring.js';

export type FrontRequest = Omit<RecentRequest, 'number'>;

export interface RequestBatch {
  /** How many the front has counted so far. */
  readonly count: number;
  /** The oldest first; those that were overwritten are missing. */
  readonly requests: readonly FrontRequest[];
}

const capacity = 128;

export class RequestRing {
  readonly #ring = new Ring<FrontRequest>(capacity);
  #count = 0;

  record(request: FrontRequest): void {
    this.#ring.push(request);
    this.#count++;
  }

  after(count: number): RequestBatch {
    const fresh = Math.min(this.#ring.length, this.#count - count);
    return { count: this.#count, requests: fresh > 0 ? this.#ring.items().slice(-fresh) : [] };
  }
}
