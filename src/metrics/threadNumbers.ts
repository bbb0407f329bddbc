/**
 * The numbers of all other threads, such that counters never fall: what a thread counted outlives it and counts
 * once, and a thread that does not answer a scrape in time stands there with what it said last. Runs in main.
 */
import { cumulativeOnly, type MetricsSnapshot, mergeSnapshots } from './threadMetrics.js';

export class ThreadNumbers {
  readonly #departed: MetricsSnapshot[] = [];
  readonly #latest = new Map<string, MetricsSnapshot>();
  /** Threads that handed their numbers over and have not ended yet. */
  readonly #leaving = new Set<string>();
  /** How often a thread of that name has ended. */
  readonly #lives = new Map<string, number>();
  #isMerging = false;

  get snapshots(): MetricsSnapshot[] {
    return [...this.#departed, ...this.#latest.values()];
  }

  /** Forgets all gauges, before the threads are asked anew: a gauge is nothing that a thread can have said last. */
  forgetGauges(): void {
    for (const [thread, snapshot] of this.#latest) this.#latest.set(thread, cumulativeOnly(snapshot));
  }

  /**
   * Called before a thread is asked; takes its answer. An answer counts only while the thread that was asked
   * lives: one that ends may answer and be counted off in the same turn of main's loop, before the answer is read.
   */
  expect(thread: string): (snapshot: MetricsSnapshot) => void {
    const life = this.#lives.get(thread) ?? 0;
    return (snapshot) => {
      const isSame = (this.#lives.get(thread) ?? 0) === life;
      if (isSame && !this.#leaving.has(thread)) this.#latest.set(thread, snapshot);
    };
  }

  /** A thread handed over its last numbers. */
  leave(thread: string, lastNumbers: MetricsSnapshot): void {
    if (this.#leaving.has(thread)) return;
    this.#leaving.add(thread);
    this.#latest.delete(thread);
    this.#departed.push(cumulativeOnly(lastNumbers));
    void this.#merge();
  }

  /** A thread has ended; without last numbers, what it said last must do. */
  end(thread: string): void {
    this.leave(thread, this.#latest.get(thread) ?? []);
    this.#leaving.delete(thread);
    this.#lives.set(thread, (this.#lives.get(thread) ?? 0) + 1);
  }

  /** Keeps the list short, however often threads are replaced. */
  async #merge(): Promise<void> {
    if (this.#isMerging || this.#departed.length < 2) return;
    this.#isMerging = true;
    const parts = [...this.#departed];
    const merged = await mergeSnapshots(parts);
    this.#departed.splice(0, parts.length, merged);
    this.#isMerging = false;
  }
}
