/**
 * The link to the shared store: keeps one connection that was looked at, opens the next when it is lost, for
 * ever, and looks again every few seconds. Nothing is sent to a store but through `current`, and that is set only
 * for a connection behind which a server was found that can be relied on. Runs on the fronts and in main.
 */
import type { Clock } from '../lib/clock.js';
import type { StoreConnection } from './storeConnection.js';
import { checkedRunId, infoSections } from './storeFacts.js';
import { StoreFailure } from './storeFailure.js';
import type { StoreKeys } from './storeKeys.js';
import { markerCommand, readMarker, type StoreMarker } from './storeMarker.js';

/** A connection whose server was checked. */
export interface VerifiedStore {
  readonly connection: StoreConnection;
  /** What the marker must still hold for an answer to count. */
  readonly markerValue: string;
  /** Requests dated at or before this second may have been served without the store knowing of them. */
  readonly markS: number;
}

export interface StoreLink {
  readonly keys: StoreKeys;
  /** `undefined` while there is none. */
  readonly current: VerifiedStore | undefined;
  /** Why there is none; `undefined` while there is one, and before the first attempt has ended. */
  readonly failure: StoreFailure | undefined;
  /** An answer made doubtful what stands behind the connection: it is given up at once. */
  distrust(reason: StoreFailure): void;
  /** Called for each connection that was found good, before any other command is sent on it. */
  onConnect(listener: (store: VerifiedStore) => void): void;
  /** Called each time the connection was found good again. */
  onWatch(listener: (store: VerifiedStore) => void): void;
  close(): void;
}

export interface StoreLinkOptions {
  readonly url: string;
  readonly keys: StoreKeys;
  readonly clock: Clock;
  /** How far ahead of the clock a request may be dated. */
  readonly maxSkewS: number;
  /** Whether this node never used a shared store before. */
  readonly isFirstUse: boolean;
  /** Called when the store became usable (`undefined`) and each time it could not be used. */
  readonly report: (failure: StoreFailure | undefined) => void;
}

const connectTimeoutMs = 1_000;
/** Far above a round trip in one data centre and a pause of the server, and short beside an answer's first byte. */
const commandTimeoutMs = 500;
/** 512 claims: a round trip of a millisecond lets half a million a second through; many more only arrive late. */
const maxPending = 1_536;
const watchMs = 2_000;
const firstDelayMs = 50;
const longestDelayMs = 1_000;
const closed = new StoreFailure('connect', 'this node closed the connection');
/**
 * How far this node's clock may be from the store's. It is checked, because a node whose clock runs ahead serves
 * requests dated later than the others expect.
 */
export const clockToleranceS = 2;

/**
 * What may have been served before the store began to remember: a node whose clock was ahead by the tolerance
 * accepted requests dated `maxSkew` ahead of that. To accept everything dated after the change alone would let in
 * a copy of each of those. The last second is for the rounding of both clocks.
 */
export function firstSafeMark(sinceS: number, maxSkewS: number): number {
  return sinceS + clockToleranceS + maxSkewS + 1;
}

export function openStoreLink(options: StoreLinkOptions): StoreLink {
  const { url, keys, clock, maxSkewS, isFirstUse, report } = options;
  const connectListeners: ((store: VerifiedStore) => void)[] = [];
  const watchListeners: ((store: VerifiedStore) => void)[] = [];
  let current: VerifiedStore | undefined;
  let failure: StoreFailure | undefined;
  let isClosed = false;
  let latestSinceS = 0;
  /** The marker that was found last, and what followed from it. */
  let known: { readonly value: string; readonly markS: number } | undefined;
  let wake: () => void = () => undefined;
  let opened: StoreConnection | undefined;

  const sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const check = async (connection: StoreConnection): Promise<VerifiedStore> => {
    const ask = (command: readonly string[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        connection.send(command, (reply, refused) => (refused ? reject(refused) : resolve(reply)));
      });
    const sections = await Promise.all(infoSections.map((section) => ask(['INFO', section])));
    const runId = checkedRunId(sections.join('\n'));
    const askedAtMs = clock.nowMs();
    const history = { latestSinceS, isFirstUse: isFirstUse && known === undefined };
    const marker = readMarker(await ask(markerCommand(keys.marker, runId, history)));
    checkClock(marker, askedAtMs, clock.nowMs());
    latestSinceS = marker.sinceS;
    if (known?.value !== marker.value) {
      const isNew = marker.isFirst && history.isFirstUse;
      known = {
        value: marker.value,
        markS: isNew ? marker.sinceS : firstSafeMark(marker.sinceS, maxSkewS),
      };
    }
    return { connection, markerValue: known.value, markS: known.markS };
  };

  /** Until the connection is lost; throws when it is found wanting. */
  const use = async (connection: StoreConnection, onGood: () => void): Promise<StoreFailure> => {
    let isFirst = true;
    for (;;) {
      const store = await check(connection);
      if (connection.failure !== undefined) return connection.failure;
      if (isFirst) for (const listener of connectListeners) listener(store);
      else for (const listener of watchListeners) listener(store);
      current = store;
      if (isFirst) {
        failure = undefined;
        report(undefined);
        onGood();
      }
      isFirst = false;
      if (connection.failure === undefined) await sleep(watchMs);
      if (connection.failure !== undefined) return connection.failure;
    }
  };

  const run = async (): Promise<void> => {
    const { openStoreConnection } = await import('./storeConnection.js');
    let delayMs = firstDelayMs;
    while (!isClosed) {
      try {
        opened = await openStoreConnection({
          url,
          connectTimeoutMs,
          commandTimeoutMs,
          maxPending,
          onEnd: () => wake(),
        });
        if (isClosed) opened.end(closed);
        failure = await use(opened, () => {
          delayMs = firstDelayMs;
        });
      } catch (thrown) {
        failure = thrown instanceof StoreFailure ? thrown : new StoreFailure('unknown', String(thrown));
      }
      current = undefined;
      opened?.end(failure);
      opened = undefined;
      if (isClosed) return;
      report(failure);
      // Not all fronts of all nodes at one instant.
      await sleep(delayMs * (0.5 + Math.random()));
      delayMs = Math.min(delayMs * 2, longestDelayMs);
    }
  };
  void run();

  return {
    keys,
    get current() {
      // The loop above hears of a lost connection a moment later.
      return current?.connection.failure === undefined ? current : undefined;
    },
    get failure() {
      return failure;
    },
    distrust(reason) {
      current = undefined;
      opened?.end(reason);
    },
    onConnect: (listener) => void connectListeners.push(listener),
    onWatch: (listener) => void watchListeners.push(listener),
    close() {
      isClosed = true;
      current = undefined;
      opened?.end(closed);
      wake();
    },
  };

  function checkClock(marker: StoreMarker, askedAtMs: number, answeredAtMs: number): void {
    const toleranceMs = clockToleranceS * 1_000;
    const aheadMs = askedAtMs - marker.storeNowMs;
    const behindMs = marker.storeNowMs - answeredAtMs;
    if (aheadMs <= toleranceMs && behindMs <= toleranceMs) return;
    const direction = aheadMs > 0 ? `${aheadMs} ms ahead of` : `${behindMs} ms behind`;
    throw new StoreFailure('clock', `this node's clock is ${direction} the store's`, {
      remedy: 'synchronise both clocks (NTP)',
    });
  }
}
