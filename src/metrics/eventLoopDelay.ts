/** How late a thread's event loop runs its timers. Runs in every thread. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge } from 'prom-client';
import type { MetricsRegistry } from './threadMetrics.js';

export interface EventLoopDelay {
  readonly thread: string;
  /** The 99th percentile since the last call, in seconds, without the sampling interval itself. */
  take(): number;
}

/** Coarse enough to cost nothing when idle, fine enough to see a stalled stream. */
const resolutionMs = 20;

export function watchEventLoop(thread: string): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return {
    thread,
    take() {
      const p99Ns = histogram.count === 0 ? 0 : histogram.percentile(99);
      histogram.reset();
      return Math.max(0, p99Ns / 1e9 - resolutionMs / 1e3);
    },
  };
}

export function addEventLoopDelay(registry: MetricsRegistry, delay: EventLoopDelay): void {
  registry.add(
    new Gauge({
      name: 'fxn_event_loop_delay_seconds',
      help: 'Event-loop delay of a thread, 99th percentile since the last scrape.',
      labelNames: ['thread'],
      registers: [],
      collect() {
        this.set({ thread: delay.thread }, delay.take());
      },
    }),
  );
}
