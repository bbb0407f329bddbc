/**
 * The front threads, started and started again. What a front that failed leaves behind is cleared away before the next
 * one takes its place; one that hangs ends the process. Runs in main.
 */
import { NodeError } from '../errors/nodeError.js';
import type { FrontData, FrontMethods, MainMethods } from '../front/frontThread.js';
import { deferred } from '../lib/deferred.js';
import type { ThreadNumbers } from '../metrics/threadNumbers.js';
import {
  type SupervisedThread,
  startSupervisedThread,
  type ThreadFailure,
} from '../threads/supervisedThread.js';
import type { WarmThread } from '../threads/warmThread.js';
import { watchHeartbeats } from '../threads/watchHeartbeats.js';
import type { FrontServices } from './frontServices.js';
import type { MeasuredThread } from './mainMetrics.js';
import { RecentRequests } from './recentRequests.js';
import type { SharedTables } from './sharedTables.js';
import type { ThreadFailures } from './threadFailures.js';
import { threadReplyMs } from './threadReply.js';

export interface FrontsOptions {
  /** How many. */
  readonly count: number;
  /** Another entry than the node's own. */
  readonly entry: URL | undefined;
  /** Becomes the first front. */
  readonly warm: WarmThread | undefined;
  /** What all of them start with, as it is then. */
  readonly data: () => Omit<FrontData, 'index' | 'fronts'>;
  readonly services: FrontServices;
  readonly tables: Pick<SharedTables, 'vitals' | 'clearFront'>;
  /** Nobody waits any more for the challenges of a front. */
  readonly leaveChallenges: (front: number) => void;
  readonly failures: ThreadFailures;
  readonly threadNumbers: ThreadNumbers;
}

export interface Fronts {
  /** Resolves when all of them listen, rejects when one fails first; from then on one that hangs is noticed. */
  started(): Promise<void>;
  /** How many serve now. */
  readonly serving: number;
  /** Whether every front that serves can use the shared store. */
  readonly isStoreUsable: boolean;
  readonly requests: RecentRequests;
  readonly measured: readonly MeasuredThread[];
  /** Tells all of them of the log level and the models in force; one that fails meanwhile starts again with them. */
  update(): Promise<void>;
  /** They take no new requests; one that fails is not replaced. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

const nameOf = (index: number): string => `front-${index}`;

export function startFronts(options: FrontsOptions): Fronts {
  const { count, entry, warm, data, services, tables, leaveChallenges, failures, threadNumbers } = options;
  const { vitals } = tables;
  const serving = new Set<number>();
  /** Fronts that have served at some time. */
  const started = new Set<number>();
  const listening = Array.from({ length: count }, deferred);
  const requests = new RecentRequests(count, (index, after) =>
    threads[index]!.calls.call('recentRequests', after, threadReplyMs),
  );

  const dataOf = (index: number): FrontData => {
    const common = data();
    const { store } = common;
    // A front that is started anew comes to a store that this node has used.
    const isFirstUse = store?.isFirstUse === true && !started.has(index);
    return { ...common, index, fronts: count, store: store && { ...store, isFirstUse } };
  };
  const methodsOf = (index: number): MainMethods => ({
    ...services,
    frontListens() {
      serving.add(index);
      started.add(index);
      listening[index]?.resolve();
    },
    frontFailed: (lastNumbers) => threadNumbers.leave(nameOf(index), lastNumbers),
  });
  const onFailure = (index: number, failure: ThreadFailure): void => {
    serving.delete(index);
    failures.count('front', failure);
    // Before any lock is taken here: the thread ended in the middle of something and may hold it for ever.
    if ((failure.error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      failures.endProcess();
    }
    tables.clearFront(index);
    leaveChallenges(index);
    requests.restart(index);
    threadNumbers.end(nameOf(index));
    // Only the first start is waited for; there a front that fails ends the start.
    listening[index]?.reject(failure.error ?? new NodeError('internal_error'));
  };
  const start = (index: number): SupervisedThread<FrontMethods> =>
    startSupervisedThread<FrontMethods, MainMethods>({
      entry: entry ?? new URL(import.meta.resolve('#workers/front.js')),
      name: nameOf(index),
      // There is always a first front; how many more the configuration says.
      warm: index === 0 && entry === undefined ? warm : undefined,
      workerData: () => dataOf(index),
      methods: methodsOf(index),
      onFailure: (failure) => onFailure(index, failure),
      onGiveUp: () => failures.giveUp(nameOf(index)),
    });
  const threads = Array.from({ length: count }, (_, index) => start(index));
  let watchdog: { close(): void } | undefined;

  return {
    async started() {
      await Promise.all(listening.map(({ promise }) => promise));
      watchdog = watchHeartbeats(
        count,
        (index) => vitals.heartbeat(index),
        (index) => failures.hang(nameOf(index)),
      );
    },
    get serving() {
      return serving.size;
    },
    get isStoreUsable() {
      return [...serving].every((front) => vitals.isStoreUsable(front));
    },
    requests,
    measured: threads.map((thread, index) => ({
      name: nameOf(index),
      collectMetrics: () => thread.calls.call('collectMetrics', undefined, threadReplyMs),
    })),
    async update() {
      await Promise.allSettled(
        threads.map(async ({ calls }) => {
          await calls.call('setLogLevel', data().logLevel);
          await calls.call('setModels', data().models);
        }),
      );
    },
    async drain() {
      // A front that starts anew now would not know that nothing more is to be accepted.
      for (const thread of threads) thread.retire();
      await Promise.allSettled(threads.map(({ calls }) => calls.call('drain', undefined, threadReplyMs)));
    },
    async close() {
      watchdog?.close();
      await Promise.allSettled(threads.map(closeThread));
    },
  };
}

async function closeThread(thread: SupervisedThread<FrontMethods>): Promise<void> {
  const ended = thread.ended();
  // Rejects for a front that has failed, which is as good as closed.
  await thread.calls.call('close', undefined, threadReplyMs).catch(() => undefined);
  await ended;
}
