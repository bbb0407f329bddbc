/**
 * Which backend of a model gets the next request, and a place there. Loads, health and breakers are shared by all
 * fronts, so a choice made here is one among all requests of the node. Runs on the fronts.
 */
import type { BackendHealth } from '../shm/backendHealth.js';
import type { Breakers } from '../shm/breakers.js';
import { backendColumn, type InFlightTable } from '../shm/inFlightTable.js';
import type { RoutedBackend, RoutedModel } from './routedModels.js';

export interface BackendStates {
  readonly inFlight: InFlightTable;
  readonly health: BackendHealth;
  readonly breakers: Breakers;
}

export interface PlaceWanted {
  readonly model: RoutedModel;
  /** In whose name the place is taken. */
  readonly front: number;
  /** Backends that were asked already. */
  readonly tried?: readonly RoutedBackend[];
  /** Requests with the same key go to the same backend while its load allows. */
  readonly affinityKey?: number | undefined;
}

/** A place at a backend. Whoever took it must leave it. */
export interface Place {
  readonly backend: RoutedBackend;
  /** The one request that a half-open breaker lets through, as long as it has no verdict. */
  isProbe: boolean;
}

/** `busy`: every backend that may be asked is at its limit. `none`: there is no backend that may be asked. */
export type PlaceResult = Place | 'busy' | 'none';

/**
 * Where the search begins, per model: it moves on with every request, so that equals take turns. One counter
 * for all models would fall into step with callers that alternate between two models.
 */
const turns = new WeakMap<RoutedModel, number>();

/** Up to here all are compared; of more, two at random: nearly as even, at a cost that does not grow. */
const comparedAtMost = 8;
/** A preferred backend may carry this much more than its share before requests go elsewhere. */
const affinityOverload = 1.25;
/**
 * And so many in any case. Of few open requests a share is one or two, and the one that a conversation has just ended
 * may still be counted when its next one comes: then every turn that is sent at once would find a cold cache.
 */
const affinityLeast = 4;

/** Takes a place at the least loaded backend by weight, or at the preferred one. */
export function takePlace(states: BackendStates, wanted: PlaceWanted): PlaceResult {
  // Another front may take the place or the probe between look and claim; then the states have changed, look again.
  // More often than there are backends that cannot go on unless places come free again meanwhile.
  for (let attempt = 0; attempt <= 2 * wanted.model.backends.length; attempt++) {
    const chosen = choose(states, wanted);
    if (typeof chosen === 'string') return chosen;
    const place = claim(states, wanted.front, chosen);
    if (place !== undefined) return place;
  }
  return 'busy';
}

/** Whether a model has a backend that may be asked, be it busy or not. */
export function isAnyAskable(states: BackendStates, { backends }: RoutedModel): boolean {
  return backends.some((backend) => mayBeAsked(states, backend, undefined));
}

function claim(
  { inFlight, breakers }: BackendStates,
  front: number,
  backend: RoutedBackend,
): Place | undefined {
  const { slot, maxConcurrency } = backend;
  const isProbe = breakers.state(slot) !== 'closed';
  if (isProbe && !breakers.tryProbe(slot, front)) return undefined;
  if (inFlight.tryEnter(front, backendColumn(slot), maxConcurrency)) return { backend, isProbe };
  if (isProbe) breakers.abandonProbe(slot);
  return undefined;
}

function choose(states: BackendStates, wanted: PlaceWanted): RoutedBackend | 'busy' | 'none' {
  const { model, tried, affinityKey } = wanted;
  const { inFlight, health } = states;
  // Backends that failed their last health check are asked only when every one has: a check may be wrong, and an
  // error of the backend says more than ours.
  const isAnyHealthy = model.backends.some(
    (backend) => health.isHealthy(backend.slot) && mayBeAsked(states, backend, tried),
  );
  let isAny = false;
  const isEligible = (backend: RoutedBackend): boolean => {
    if (isAnyHealthy && !health.isHealthy(backend.slot)) return false;
    if (!mayBeAsked(states, backend, tried)) return false;
    isAny = true;
    return inFlight.total(backendColumn(backend.slot)) < backend.maxConcurrency;
  };
  const preferred =
    affinityKey === undefined ? undefined : preferredOf(states, model, affinityKey, isEligible);
  const best = preferred ?? twoAtRandom(states, model, isEligible) ?? leastLoaded(states, model, isEligible);
  return best ?? (isAny ? 'busy' : 'none');
}

function mayBeAsked(
  { breakers }: BackendStates,
  backend: RoutedBackend,
  tried: readonly RoutedBackend[] | undefined,
): boolean {
  if (tried?.includes(backend) === true) return false;
  const state = breakers.state(backend.slot);
  return state === 'closed' || (state === 'half_open' && !breakers.isProbed(backend.slot));
}

/** What a backend would carry with this request too, by weight. */
function loadOf({ inFlight }: BackendStates, { slot, weight }: RoutedBackend): number {
  return (inFlight.total(backendColumn(slot)) + 1) / weight;
}

type IsEligible = (backend: RoutedBackend) => boolean;

function leastLoaded(
  states: BackendStates,
  model: RoutedModel,
  isEligible: IsEligible,
): RoutedBackend | undefined {
  const { backends } = model;
  const turn = ((turns.get(model) ?? -1) + 1) % backends.length;
  turns.set(model, turn);
  let best: RoutedBackend | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (let i = 0; i < backends.length; i++) {
    const backend = backends[(turn + i) % backends.length]!;
    if (!isEligible(backend)) continue;
    const load = loadOf(states, backend);
    if (load < bestLoad) {
      best = backend;
      bestLoad = load;
    }
  }
  return best;
}

function twoAtRandom(
  states: BackendStates,
  { backends }: RoutedModel,
  isEligible: IsEligible,
): RoutedBackend | undefined {
  const count = backends.length;
  if (count <= comparedAtMost) return undefined;
  const first = Math.floor(Math.random() * count);
  const second = (first + 1 + Math.floor(Math.random() * (count - 1))) % count;
  const [a, b] = [backends[first]!, backends[second]!];
  if (!isEligible(a)) return isEligible(b) ? b : undefined;
  return isEligible(b) && loadOf(states, b) < loadOf(states, a) ? b : a;
}

/**
 * Weighted rendezvous hashing: each key has an order of the backends that a change of one leaves alone. The first of
 * them, unless it carries much more than its share of many.
 */
function preferredOf(
  states: BackendStates,
  { backends }: RoutedModel,
  key: number,
  isEligible: IsEligible,
): RoutedBackend | undefined {
  let best: RoutedBackend | undefined;
  let bestScore = 0;
  let open = 0;
  let weights = 0;
  for (const backend of backends) {
    if (!isEligible(backend)) continue;
    open += states.inFlight.total(backendColumn(backend.slot));
    weights += backend.weight;
    const score = backend.weight / -Math.log(fractionOf(key, backend.identityHash));
    if (score > bestScore) {
      best = backend;
      bestScore = score;
    }
  }
  if (best === undefined) return undefined;
  const share = Math.ceil(((open + 1) * best.weight * affinityOverload) / weights);
  return states.inFlight.total(backendColumn(best.slot)) < Math.max(share, affinityLeast) ? best : undefined;
}

/** A number between 0 and 1, both excluded, that looks random for each pair (murmur3's finaliser). */
function fractionOf(key: number, identity: number): number {
  let mixed = key ^ identity;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  return ((mixed >>> 0) + 0.5) / 2 ** 32;
}
