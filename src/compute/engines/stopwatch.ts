/** Adds up where the time of a job goes. Runs in the GPU host. */
import type { EngineTimings } from '../matrixEngine.js';

export type Stage = 'generate' | 'multiply' | 'hash' | 'transfer';

export class Stopwatch {
  readonly #startedMs = performance.now();
  readonly #spentMs: Record<Stage, number> = { generate: 0, multiply: 0, hash: 0, transfer: 0 };

  async time<Result>(stage: Stage, work: () => Promise<Result> | Result): Promise<Result> {
    const startedMs = performance.now();
    try {
      return await work();
    } finally {
      this.#spentMs[stage] += performance.now() - startedMs;
    }
  }

  /** Moves time that was spent on `to` within `from`. */
  move(from: Stage, to: Stage, ms: number): void {
    this.#spentMs[from] -= ms;
    this.#spentMs[to] += ms;
  }

  /** @param untold stages that the engine does not tell from others */
  timings(...untold: readonly Stage[]): EngineTimings {
    const spentMs = (stage: Stage): number | null => (untold.includes(stage) ? null : this.#spentMs[stage]);
    return {
      totalMs: performance.now() - this.#startedMs,
      generateMs: spentMs('generate'),
      multiplyMs: spentMs('multiply'),
      hashMs: spentMs('hash'),
      transferMs: spentMs('transfer'),
    };
  }
}
