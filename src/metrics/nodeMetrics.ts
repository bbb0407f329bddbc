/**
 * What only main can count: requests in flight over all fronts, the replay table, backends, fronts replaced,
 * and the process itself. Gauges are read from their sources when scraped. Runs in main.
 */
import { Counter, collectDefaultMetrics, Gauge } from 'prom-client';
import { addEventLoopDelay, type EventLoopDelay } from './eventLoopDelay.js';
import type { MetricsRegistry } from './threadMetrics.js';

export interface NodeMetricSources {
  /** What `/ready` would say now. */
  isReady(): Promise<boolean>;
  requestsInFlight(): number;
  /** Requests in flight and whether it answers, by backend label; a label may come more than once. */
  backends(): readonly {
    readonly label: string;
    readonly inFlight: number;
    readonly isUp: boolean | undefined;
    readonly breaker: 'closed' | 'open' | 'half_open';
    /** What kind of server it is, from a closed set; `undefined` while unknown. */
    readonly kind: string | undefined;
  }[];
  /** Requests that wait for a free backend. */
  queued(): readonly { readonly model: string; readonly waiting: number }[];
  replayEntries(): number;
  readonly replayCapacity: number;
}

export interface NodeMetrics {
  countRestart(thread: 'front' | 'registry'): void;
  countReload(outcome: 'applied' | 'refused'): void;
}

const breakerLevels = { closed: 0, half_open: 1, open: 2 } as const;

export function createNodeMetrics(
  registry: MetricsRegistry,
  sources: NodeMetricSources,
  delay: EventLoopDelay,
): NodeMetrics {
  collectDefaultMetrics({ register: registry });
  registry.add(
    new Gauge({
      name: 'fxn_ready',
      help: '1 while the node can serve, 0 while something is missing; /ready says what.',
      registers: [],
      async collect() {
        this.set((await sources.isReady()) ? 1 : 0);
      },
    }),
  );
  registry.addGauge(
    'fxn_http_in_flight_requests',
    'Requests on the public port that are open now, over all fronts.',
    sources.requestsInFlight,
  );
  registry.addGauge(
    'fxn_replay_entries',
    'Live entries of the replay table of this process; none with a shared store.',
    sources.replayEntries,
  );
  registry.addGauge(
    'fxn_replay_capacity_entries',
    'Entries that the replay table can hold.',
    () => sources.replayCapacity,
  );
  registry.add(
    new Gauge({
      name: 'fxn_upstream_in_flight_requests',
      help: 'Requests to a backend that are open now, over all fronts.',
      labelNames: ['backend'],
      registers: [],
      collect() {
        this.reset();
        for (const { label, inFlight } of sources.backends()) this.inc({ backend: label }, inFlight);
      },
    }),
  );
  registry.add(
    new Gauge({
      name: 'fxn_upstream_up',
      help: 'Whether a backend answered its last health check.',
      labelNames: ['backend'],
      registers: [],
      collect() {
        this.reset();
        for (const { label, isUp } of sources.backends()) {
          // Not checked yet is not the same as down.
          if (isUp !== undefined) this.set({ backend: label }, isUp ? 1 : 0);
        }
      },
    }),
  );
  registry.add(
    new Gauge({
      name: 'fxn_upstream_breaker_state',
      help: 'Whether the breaker of a backend is closed (0), half open (1) or open (2).',
      labelNames: ['backend'],
      registers: [],
      collect() {
        this.reset();
        const states = new Map<string, number>();
        for (const { label, breaker } of sources.backends()) {
          states.set(label, Math.max(states.get(label) ?? 0, breakerLevels[breaker]));
        }
        for (const [backend, level] of states) this.set({ backend }, level);
      },
    }),
  );
  registry.add(
    new Gauge({
      name: 'fxn_upstream_queued_requests',
      help: 'Requests that wait for a free backend of a model.',
      labelNames: ['model'],
      registers: [],
      collect() {
        this.reset();
        for (const { model, waiting } of sources.queued()) this.set({ model }, waiting);
      },
    }),
  );
  registry.add(
    new Gauge({
      name: 'fxn_upstream_info',
      help: 'What kind of server a backend is by its own answers: vllm, sglang, ollama, llamacpp, tgi or custom. Always 1.',
      labelNames: ['backend', 'kind'],
      registers: [],
      collect() {
        this.reset();
        for (const { label, kind } of sources.backends()) {
          if (kind !== undefined) this.set({ backend: label, kind }, 1);
        }
      },
    }),
  );
  addEventLoopDelay(registry, delay);
  const restarts = registry.add(
    new Counter({
      name: 'fxn_thread_restarts_total',
      help: 'Threads (front, registry) that failed and were replaced.',
      labelNames: ['thread'],
      registers: [],
    }),
  );
  const reloads = registry.add(
    new Counter({
      name: 'fxn_config_reloads_total',
      help: 'Reloads of the configuration by outcome: applied or refused.',
      labelNames: ['outcome'],
      registers: [],
    }),
  );
  return {
    countRestart: (thread) => restarts.inc({ thread }),
    countReload: (outcome) => reloads.inc({ outcome }),
  };
}
