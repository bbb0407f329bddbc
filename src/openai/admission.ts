/**
 * Admission: a request gets a place at a backend at once, or waits in its model's line until one is free, for a bounded
 * time and in bounded company. Every refusal comes before the first byte of an answer. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { Exchange } from '../http/exchange.js';
import { backendColumn } from '../shm/inFlightTable.js';
import type { Ticket, WaitingLines } from '../shm/waitingLines.js';
import type { RoutedBackend, RoutedModel } from './routedModels.js';
import { type BackendStates, isAnyAskable, type Place, takePlace } from './selectBackend.js';

/** How a request fared, as the metric label `outcome`. */
export type AdmissionOutcome = 'at_once' | 'waited' | 'queue_full' | 'queue_timeout' | 'no_backend' | 'left';

export interface AdmissionOptions {
  readonly front: number;
  readonly states: BackendStates;
  readonly lines: WaitingLines;
  /** The models that are served now. */
  readonly models: () => readonly RoutedModel[];
  /** Requests that may wait for one model, over all fronts. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  readonly count: (model: string, outcome: AdmissionOutcome, waitedMs: number) => void;
}

export interface Admission {
  /** Calls `next` with a place, now or later, or fails the exchange. Whoever is called must `leave` the place. */
  admit(x: Exchange, model: RoutedModel, affinityKey: number | undefined, next: (place: Place) => void): void;
  /** A place at a backend that was not asked yet, without waiting. */
  another(model: RoutedModel, tried: readonly RoutedBackend[]): Place | undefined;
  /** Gives a place back; the head of the line gets it. */
  leave(model: RoutedModel, place: Place): void;
  close(): void;
}

interface Waiter {
  readonly model: RoutedModel;
  ticket: Ticket;
  readonly deadline: NodeJS.Timeout;
  readonly granted: (place: Place) => void;
  /** There is no room in the lines to wait on. */
  readonly refused: () => void;
}

/**
 * Places also come free without anyone leaving: a breaker half opens, a backend is healthy again, a reload raises a
 * limit, a front dies. Those who wait look for themselves this often.
 */
const lookAgainMs = 100;

export function createAdmission(options: AdmissionOptions): Admission {
  const { front, states, lines, models, maxWaiting, maxWaitMs, count } = options;
  const waiters = new Map<number, Waiter>();
  let nextId = 0;
  let lookAgain: NodeJS.Timeout | undefined;

  const currentModel = (model: RoutedModel): RoutedModel =>
    models().find(({ lane, name }) => lane === model.lane && name === model.name) ?? model;

  /** Gives free places to those who wait for a model, on whichever front. */
  const offer = (model: RoutedModel): void => {
    if (lines.length(model.lane) === 0) return;
    const current = currentModel(model);
    lines.offer(model.lane, (waiting) => {
      const place = takePlace(states, { model: current, front: waiting });
      return typeof place === 'string' ? undefined : slotAndProbe(place);
    });
    fetchGrants();
  };

  const giveBack = (slot: number, isProbe: boolean): void => {
    if (isProbe) states.breakers.abandonProbe(slot);
    states.inFlight.leave(front, backendColumn(slot));
  };

  const leavePlace = (model: RoutedModel, { backend, isProbe }: Place): void => {
    giveBack(backend.slot, isProbe);
    offer(model);
  };

  const forget = (id: number): void => {
    const waiter = waiters.get(id);
    if (waiter === undefined) return;
    clearTimeout(waiter.deadline);
    waiters.delete(id);
    if (waiters.size > 0) return;
    clearInterval(lookAgain);
    lookAgain = undefined;
  };

  const fetchGrants = (): void => {
    const grants = lines.fetchGrants(front);
    if (grants.length === 0) return;
    const served: [waiter: Waiter, place: Place][] = [];
    const returned: [id: number, waiter: Waiter][] = [];
    // All of them, before the first goes on: it may end others, whose tickets are nobody's any more.
    for (const { id, slot: granted } of grants) {
      const waiter = waiters.get(id);
      // A ticket that was left is in no list any more, so its grant cannot come.
      if (waiter === undefined) continue;
      const { slot, isProbe } = grantedPlace(granted);
      const backend = backendIn(currentModel(waiter.model), slot) ?? backendIn(waiter.model, slot);
      if (backend === undefined) {
        giveBack(slot, isProbe);
        returned.push([id, waiter]);
      } else {
        forget(id);
        served.push([waiter, { backend, isProbe }]);
      }
    }
    waitOn(returned);
    for (const [waiter, place] of served) waiter.granted(place);
  };

  /**
   * A reload reaches one front before the other, so that a place may be given at a backend that only the giver knows.
   * Whoever got it waits on where they stood.
   */
  const waitOn = (returned: readonly [id: number, waiter: Waiter][]): void => {
    // The last one first, since each goes to the head.
    for (const [id, waiter] of returned.toReversed()) {
      const ticket = lines.rejoin(waiter.model.lane, front, id);
      if (ticket !== undefined) {
        waiter.ticket = ticket;
        continue;
      }
      forget(id);
      waiter.refused();
    }
    for (const model of new Set(returned.map(([, waiter]) => waiter.model))) offer(model);
  };

  const whileOthersWait = (model: RoutedModel): 'busy' | 'none' =>
    isAnyAskable(states, model) ? 'busy' : 'none';

  const stopListening = lines.onRing(front, fetchGrants);

  const lookForAll = (): void => {
    for (const model of new Set([...waiters.values()].map((waiter) => waiter.model))) offer(model);
  };

  const wait = (x: Exchange, model: RoutedModel, next: (place: Place) => void): void => {
    nextId = (nextId + 1) | 0;
    const id = nextId;
    // What listens for the end of the exchange lives as long, and must not hold the request's body until then.
    let serve: typeof next | undefined = next;
    const ticket = lines.join(model.lane, front, id, maxWaiting);
    const sinceMs = performance.now();
    if (ticket === undefined) {
      count(model.name, 'queue_full', 0);
      throw new NodeError('queue_full');
    }
    /** Out of the line without a place; one that was granted in this moment goes to the next. */
    const leaveLine = (outcome: AdmissionOutcome): void => {
      const waiter = waiters.get(id);
      if (waiter === undefined) return;
      forget(id);
      const granted = lines.leave(waiter.ticket);
      if (granted !== undefined) {
        const { slot, isProbe } = grantedPlace(granted);
        giveBack(slot, isProbe);
      }
      count(model.name, outcome, performance.now() - sinceMs);
      offer(model);
    };
    const deadline = setTimeout(
      () =>
        x.attempt(() => {
          // A place that was given in time counts, even if the news of it is still on its way.
          fetchGrants();
          if (!waiters.has(id)) return;
          leaveLine('queue_timeout');
          throw new NodeError('queue_timeout');
        }),
      maxWaitMs,
    );
    const granted: Waiter['granted'] = (place) => {
      const waitedMs = performance.now() - sinceMs;
      if (x.inference !== undefined) x.inference.queuedMs = waitedMs;
      count(model.name, 'waited', waitedMs);
      if (!x.isOpen) leavePlace(model, place);
      const goOn = serve;
      serve = undefined;
      x.attempt(() => goOn?.(place));
    };
    const refused = (): void => {
      count(model.name, 'queue_full', performance.now() - sinceMs);
      x.fail(new NodeError('queue_full'));
    };
    waiters.set(id, { model, ticket, deadline, granted, refused });
    lookAgain ??= setInterval(lookForAll, lookAgainMs);
    x.onEnd(() => leaveLine('left'));
    // A place may have come free before the request stood in line.
    offer(model);
  };

  return {
    admit(x, model, affinityKey, next) {
      const isLine = lines.length(model.lane) > 0;
      // Nobody overtakes those who wait.
      const place = isLine ? whileOthersWait(model) : takePlace(states, { model, front, affinityKey });
      if (place === 'busy') {
        wait(x, model, next);
      } else if (place === 'none') {
        count(model.name, 'no_backend', 0);
        throw new NodeError('no_backend', { meta: { retryAfterS: retryAfterS(states, model) } });
      } else {
        count(model.name, 'at_once', 0);
        next(place);
      }
    },
    another(model, tried) {
      const place = takePlace(states, { model, front, tried });
      return typeof place === 'string' ? undefined : place;
    },
    leave: leavePlace,
    close() {
      stopListening();
      clearInterval(lookAgain);
      for (const { deadline } of waiters.values()) clearTimeout(deadline);
      waiters.clear();
    },
  };
}

/** A grant crosses shared memory as one number. */
const slotAndProbe = ({ backend, isProbe }: Place): number => backend.slot * 2 + (isProbe ? 1 : 0);
const grantedPlace = (granted: number): { slot: number; isProbe: boolean } => ({
  slot: granted >> 1,
  isProbe: granted % 2 === 1,
});

const backendIn = ({ backends }: RoutedModel, slot: number): RoutedBackend | undefined =>
  backends.find((backend) => backend.slot === slot);

/** When the first breaker lets a request through again. */
function retryAfterS({ breakers }: BackendStates, { backends }: RoutedModel): number {
  const closedMs = Math.min(...backends.map(({ slot }) => breakers.closedInMs(slot)));
  return Math.max(1, Math.ceil(closedMs / 1_000));
}
