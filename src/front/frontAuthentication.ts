/** What authentication needs on a front, as the configuration says. Runs on the fronts. */
import type { AuthenticationOptions } from '../auth/authenticate.js';
import { inMemoryNonces } from '../auth/nonceStore.js';
import { createOwnNames } from '../auth/ownNames.js';
import type { SessionStore } from '../auth/sessionStore.js';
import { createSignatureSchemes } from '../auth/signatureSchemes.js';
import { createPoolRecovery, loadNativeRecovery, type SignerRecovery } from '../auth/signerRecovery.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import type { FrontStore } from '../redis/frontStore.js';
import { FrontVitals } from '../shm/frontVitals.js';
import { ReplayTable } from '../shm/replayTable.js';
import type { ThreadCalls } from '../threads/threadCalls.js';
import type { FrontData, MainMethods } from './frontThread.js';

export interface FrontAuthenticationOptions {
  readonly data: FrontData;
  readonly clock: Clock;
  readonly main: ThreadCalls<MainMethods>;
  readonly sessions: SessionStore;
  /** What several nodes share; `undefined` where this node has its own memory only. */
  readonly store: FrontStore | undefined;
  readonly count: AuthenticationOptions['count'];
  readonly log: Logger;
}

/** Longer than a task may wait in the compute pool, so that the pool's own refusal arrives first. */
const poolCallTimeoutMs = 65_000;

export function frontAuthentication(options: FrontAuthenticationOptions): AuthenticationOptions {
  const { data, clock, main, sessions, store, count } = options;
  const { config, memory } = data;
  const vitals = new FrontVitals(memory.vitals);
  const maxAgeS = Math.ceil(config.auth.maxAge / 1_000);
  return {
    clock,
    window: {
      maxAgeS,
      maxSkewS: Math.floor(config.auth.maxSkew / 1_000),
      replayMarkS: data.replayMarkS,
    },
    nonces: store?.nonces ?? inMemoryNonces(new ReplayTable(memory.replayTable)),
    schemes: createSignatureSchemes({
      names: config.auth.schemes,
      maxAgeS,
      chainId: config.chainId,
      ownNames: createOwnNames({
        publicUrl: config.node.publicUrl,
        authorities: config.auth.authorities,
        listenAddress: config.node.listenAddress,
        port: data.port,
        isTls: config.node.tls.certFile !== '',
      }),
      recovery: recoveryOf(options),
      sessions,
    }),
    recordMark: (second) => main.call('recordReplayMark', second),
    // A shared store remembers over restarts, so nothing has to be written down.
    recordedMarkS: store === undefined ? () => vitals.storedMarkS : () => Number.POSITIVE_INFINITY,
    count,
  };
}

function recoveryOf({ data, main, log }: FrontAuthenticationOptions): SignerRecovery {
  const native = data.recovery === 'native' ? loadNativeRecovery() : { unavailable: 'not asked for' };
  if (!('unavailable' in native)) return native;
  log.warn({ reason: native.unavailable }, 'no native secp256k1: signatures go to the compute pool');
  return createPoolRecovery((signed) => main.call('recoverSigner', signed, poolCallTimeoutMs));
}
