/** Checks all backends again and again and tells the fronts through shared memory. Runs in main. */
import type { Logger } from '../logger/logger.js';
import type { BackendHealth } from '../shm/backendHealth.js';
import { type BackendKind, isModelListed } from '../upstream/backendKind.js';
import { BackendCheck } from '../upstream/checkBackend.js';
import { backendHeaders } from './headers.js';
import type { RoutedBackend, RoutedModels } from './routedModels.js';

export interface BackendReport {
  /** Whether it answered its last check; `undefined` before the first. */
  readonly isUp: boolean | undefined;
  /** What kind of server answered; `undefined` while none has. */
  readonly kind: BackendKind | undefined;
  /** Whether it lists the configured model; `undefined` when it does not say or takes any name. */
  readonly isModelListed: boolean | undefined;
}

export interface BackendWatch {
  /** The models that are served from now on; they are checked at once. */
  watch(models: RoutedModels): void;
  reportOf(backend: RoutedBackend): BackendReport;
  close(): void;
}

export interface BackendWatchOptions {
  readonly intervalMs: number;
  readonly health: BackendHealth;
  readonly log: Logger;
}

/** For one check; the next round begins after the slowest of this one. */
const deadlineMs = 3_000;

interface WatchedBackend {
  readonly check: BackendCheck;
  isUp: boolean | undefined;
  /** The contradiction that the log was told of last. */
  warnedOfKind: BackendKind | undefined;
  hasWarnedOfModel: boolean;
}

const unknown: BackendReport = { isUp: undefined, kind: undefined, isModelListed: undefined };

export function watchBackends({ intervalMs, health, log }: BackendWatchOptions): BackendWatch {
  let backends: readonly RoutedBackend[] = [];
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const watched = new Map<number, WatchedBackend>();

  const check = async (backend: RoutedBackend): Promise<void> => {
    const state = watched.get(backend.slot);
    if (state === undefined) return;
    const wasMissing = listed(backend, state) === false;
    const isUp = await state.check.run(deadlineMs, wasMissing);
    if (isClosed || !backends.includes(backend)) return;
    const before = state.isUp;
    state.isUp = isUp;
    health.set(backend.slot, isUp);
    const { kind } = state.check;
    const subject = { backend: backend.label, model: backend.model };
    if (before !== isUp) {
      if (isUp) log.info({ ...subject, kind }, 'backend answers');
      else log.warn(subject, 'backend does not answer');
    }
    if (isUp) warnOfContradictions(backend, state);
  };

  const warnOfContradictions = (backend: RoutedBackend, state: WatchedBackend): void => {
    const { label, model, backendProvider } = backend;
    const { kind } = state.check;
    // "custom" is no claim, neither the operator's nor ours.
    const contradicts = kind !== 'custom' && backendProvider !== 'custom' && kind !== backendProvider;
    if (contradicts && state.warnedOfKind !== kind) {
      const remedy = `set backendProvider: "${kind}" in model_backend.yaml, or correct the url`;
      log.warn({ backend: label, model, backendProvider, kind, remedy }, 'backend is of another kind');
    }
    state.warnedOfKind = contradicts ? kind : undefined;
    const isMissing = listed(backend, state) === false;
    if (isMissing && !state.hasWarnedOfModel) {
      const served = state.check.modelNames?.slice(0, 10);
      const remedy = 'load this model there, or set the "model" of the backend in model_backend.yaml';
      log.warn({ backend: label, model, kind, served, remedy }, 'backend does not list the model');
    }
    state.hasWarnedOfModel = isMissing;
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
      for (const slot of watched.keys()) {
        if (slots.has(slot)) continue;
        watched.delete(slot);
        // The next backend in this slot must not inherit that this one was down.
        health.set(slot, true);
      }
      for (const backend of backends) {
        const before = watched.get(backend.slot);
        watched.set(backend.slot, {
          // Anew: credentials and the expected kind may have changed.
          check: new BackendCheck({
            url: backend.url,
            headers: backendHeaders(backend),
            expected: backend.backendProvider,
          }),
          isUp: before?.isUp,
          warnedOfKind: undefined,
          hasWarnedOfModel: false,
        });
      }
      void round();
    },
    reportOf(backend) {
      const state = watched.get(backend.slot);
      if (state === undefined) return unknown;
      return { isUp: state.isUp, kind: state.check.kind, isModelListed: listed(backend, state) };
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

function listed({ model }: RoutedBackend, { check }: WatchedBackend): boolean | undefined {
  return model === null ? undefined : isModelListed(check.kind, check.modelNames, model);
}
