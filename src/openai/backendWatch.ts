/** Checks all backends again and again and tells the fronts through shared memory. Runs in main. */
import type { Logger } from '../logger/logger.js';
import type { BackendHealth } from '../shm/backendHealth.js';
import { checkBackend } from '../upstream/checkBackend.js';
import { backendHeaders } from './headers.js';
import type { RoutedBackend, RoutedModels } from './routedModels.js';

export interface BackendWatch {
  /** The models that are served from now on; they are checked at once. */
  watch(models: RoutedModels): void;
  /** Whether a backend answered its last check; `undefined` before the first. */
  isUp(backend: RoutedBackend): boolean | undefined;
  close(): void;
}

export interface BackendWatchOptions {
  readonly intervalMs: number;
  readonly health: BackendHealth;
  readonly log: Logger;
}

/** For one check; the next round begins after the slowest of this one. */
const deadlineMs = 3_000;

export function watchBackends({ intervalMs, health, log }: BackendWatchOptions): BackendWatch {
  let backends: readonly RoutedBackend[] = [];
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const states = new Map<number, boolean>();

  const check = async (backend: RoutedBackend): Promise<void> => {
    const isUp = await checkBackend({ url: backend.url, headers: backendHeaders(backend), deadlineMs });
    if (isClosed || !backends.includes(backend)) return;
    const before = states.get(backend.slot);
    states.set(backend.slot, isUp);
    health.set(backend.slot, isUp);
    if (before === isUp) return;
    const subject = { backend: backend.label, model: backend.model };
    if (isUp) log.info(subject, 'backend answers');
    else log.warn(subject, 'backend does not answer');
  };

  const round = async (): Promise<void> => {
    const checked = backends;
    await Promise.all(checked.map(check));
    // A reload meanwhile has started a round of its own.
    if (isClosed || checked !== backends) return;
    timer = setTimeout(() => void round(), intervalMs);
  };

  return {
    watch({ models }) {
      clearTimeout(timer);
      backends = models.flatMap((model) => model.backends);
      const slots = new Set(backends.map(({ slot }) => slot));
      for (const slot of states.keys()) {
        if (slots.has(slot)) continue;
        states.delete(slot);
        // The next backend in this slot must not inherit that this one was down.
        health.set(slot, true);
      }
      void round();
    },
    isUp: ({ slot }) => states.get(slot),
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
