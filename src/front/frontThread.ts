/**
 * What main and a front are to each other: the data a front starts with, and what each may call on the other. Types only.
 */
import type { SessionOffer } from '../auth/sessionStatement.js';
import type { SignedDigest } from '../auth/signerRecovery.js';
import type { ChallengeTicket, ForwardedChallenge } from '../challenge/answerChallenges.js';
import type { Config } from '../config/config.js';
import type { AddressText } from '../lib/address.js';
import type { LogLevel } from '../logger/logger.js';
import type { MetricsSnapshot } from '../metrics/threadMetrics.js';
import type { RoutedModels } from '../openai/routedModels.js';
import type { StoreAccess } from '../redis/frontStore.js';
import type { CallPort } from '../threads/threadCalls.js';
import type { RequestBatch } from './requestRing.js';
import type { SharedMemory } from './sharedMemory.js';

/** `workerData` of a front. */
export interface FrontData {
  readonly index: number;
  /** How many there are. */
  readonly fronts: number;
  readonly config: Config;
  readonly logLevel: LogLevel;
  readonly models: RoutedModels;
  readonly memory: SharedMemory;
  /** The real port, where the configuration says 0. */
  readonly port: number;
  readonly replayMarkS: number;
  /** Whose registration counts: the configured owner, else the node's key. */
  readonly owner: AddressText;
  /** What opens the store that several nodes share; `undefined` where this node has its own memory only. */
  readonly store: StoreAccess | undefined;
  /** `pool` sends every signature to the compute pool, as if there were no native library. */
  readonly recovery: 'native' | 'pool';
}

/** What main may call on a front. */
export type FrontMethods = {
  collectMetrics(argument: undefined): Promise<MetricsSnapshot>;
  /** Requests that ended since the front had counted so many; main asks only while somebody looks. */
  recentRequests(after: number): RequestBatch;
  setLogLevel(level: LogLevel): void;
  setModels(models: RoutedModels): void;
  /** Takes no new connections and refuses new requests on open ones. */
  drain(argument: undefined): void;
  /** Closes every connection; the thread ends by itself after the answer. */
  close(argument: undefined): Promise<void>;
};

/** What a front may call on main. */
export type MainMethods = {
  frontListens(argument: undefined): void;
  /** The last words of a front that failed, so that its counts are not lost. */
  frontFailed(metrics: MetricsSnapshot): void;
  recordReplayMark(second: number): Promise<void>;
  recoverSigner(signed: SignedDigest): Promise<Uint8Array | undefined>;
  /** The node's signature over a new session, 65 bytes in hex with `0x`. */
  signSession(offer: SessionOffer): string;
  /** The answer to a challenge, as JSON. */
  answerChallenge(challenge: ForwardedChallenge): Promise<string | Uint8Array>;
  /** Nobody waits for that answer any more. */
  leaveChallenge(ticket: ChallengeTicket): void;
};

export type FrontPort = CallPort & { close(): void };
