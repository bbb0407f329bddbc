/**
 * The last requests over all fronts. Each front keeps its own last ones; they are fetched when somebody looks, and not
 * otherwise. A front that fails takes along those that nobody had asked for. Runs in main.
 */
import type { RecentRequest } from '../console/statusDocument.js';
import type { RequestBatch } from '../front/requestRing.js';
import { Ring } from '../lib/ring.js';

const capacity = 200;

export class RecentRequests {
  readonly #ring = new Ring<RecentRequest>(capacity);
  /** By front: how many of its requests are known here, and how often it was started anew. */
  readonly #known: { count: number; life: number }[];
  readonly #ask: (front: number, after: number) => Promise<RequestBatch>;
  #number = 0;

  constructor(fronts: number, ask: (front: number, after: number) => Promise<RequestBatch>) {
    this.#known = Array.from({ length: fronts }, () => ({ count: 0, life: 0 }));
    this.#ask = ask;
  }

  /** Asks all fronts for what is new; one that does not answer does not hold the others up. */
  async refresh(): Promise<void> {
    const asked = this.#known.map(async (known, front) => {
      const { count, life } = known;
      const batch = await this.#ask(front, count);
      // Of a front that has ended meanwhile, the next one counts from the beginning.
      if (known.life !== life || known.count !== count) return [];
      known.count = batch.count;
      return batch.requests;
    });
    const answers = await Promise.allSettled(asked);
    const fresh = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    for (const request of fresh.sort((left, right) => left.atMs - right.atMs)) {
      this.#number++;
      this.#ring.push({ ...request, number: this.#number });
    }
  }

  /** Those with higher numbers, the newest first. */
  after(number: number): RecentRequest[] {
    return this.#ring
      .items()
      .filter((request) => request.number > number)
      .reverse();
  }

  /** Another thread stands in the place of a front that ended. */
  restart(front: number): void {
    const known = this.#known[front];
    if (known === undefined) return;
    known.count = 0;
    known.life++;
  }
}
