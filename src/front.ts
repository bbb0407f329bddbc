/**
 * A front: one uWS server on the public port, with everything a request passes through. What exists, in order;
 * `close` ends it in reverse. The route table below is the list of public endpoints. Runs in a front thread;
 * it is handed frozen configuration and shared memory, nothing live.
 */

import { type AuthenticationOptions, authenticate, bypassAuthentication } from './auth/authenticate.js';
import { anyAuthority, type CallerAuthority } from './auth/authority.js';
import { inMemoryNonces } from './auth/nonceStore.js';
import { openSession } from './auth/openSession.js';
import { createOwnNames } from './auth/ownNames.js';
import type { SessionOffer } from './auth/sessionStatement.js';
import { inMemorySessions } from './auth/sessionStore.js';
import { createSignatureSchemes } from './auth/signatureSchemes.js';
import { createPoolRecovery, loadNativeRecovery, type SignedDigest } from './auth/signerRecovery.js';
import { answerChallenge } from './challenge/challenge.js';
import type { Config } from './config/config.js';
import { NodeError, toNodeError } from './errors/nodeError.js';
import { BodyBudget } from './http/bodyBudget.js';
import type { Exchange, ExchangeEnd } from './http/exchange.js';
import { limitBody } from './http/limitBody.js';
import { allowMethods, type Handler, type Layer, type Route, routeAll, through } from './http/route.js';
import { createHttpServer } from './http/server.js';
import { type AddressText, addressBytes } from './lib/address.js';
import { addressWords } from './lib/addressWords.js';
import { callerLimits } from './lib/callerLimits.js';
import { systemClock } from './lib/clock.js';
import { limitCallers } from './limits/limitCallers.js';
import { inMemoryLimits } from './limits/limitStore.js';
import { createLogger, type LogLevel } from './logger/logger.js';
import { watchEventLoop } from './metrics/eventLoopDelay.js';
import { createFrontMetrics } from './metrics/frontMetrics.js';
import { createInferenceMetrics } from './metrics/inferenceMetrics.js';
import { createLimitCounter } from './metrics/storeMetrics.js';
import { MetricsRegistry, type MetricsSnapshot, snapshotMetrics } from './metrics/threadMetrics.js';
import { createInference } from './openai/inference.js';
import { listModels, retrieveModel } from './openai/models.js';
import { operationOf } from './openai/operation.js';
import type { RoutedModels } from './openai/routedModels.js';
import { createServedModels } from './openai/servedModels.js';
import { openFrontStore, type StoreAccess } from './redis/frontStore.js';
import { registrationState } from './registry/registrationWatch.js';
import { openRegistryView, type RegistryView } from './registry/registryView.js';
import { createSchedulerRegistry } from './registry/schedulerRegistry.js';
import { namedByActive } from './shm/addressIndex.js';
import { BackendHealth } from './shm/backendHealth.js';
import { Breakers } from './shm/breakers.js';
import { FrontVitals } from './shm/frontVitals.js';
import { InFlightTable, requestColumn } from './shm/inFlightTable.js';
import { LimitTable } from './shm/limitTable.js';
import { ReplayTable } from './shm/replayTable.js';
import { SessionTable } from './shm/sessionTable.js';
import { WaitingLines } from './shm/waitingLines.js';
import { type CallPort, connectThread } from './threads/threadCalls.js';

/** Memory that the threads share. */
export interface SharedMemory {
  readonly gatewayCell: SharedArrayBuffer;
  readonly providerCell: SharedArrayBuffer;
  readonly replayTable: SharedArrayBuffer;
  readonly sessions: SharedArrayBuffer;
  readonly inFlight: SharedArrayBuffer;
  /** `undefined` where this process has no limits to count. */
  readonly limits: SharedArrayBuffer | undefined;
  readonly vitals: SharedArrayBuffer;
  readonly health: SharedArrayBuffer;
  readonly breakers: SharedArrayBuffer;
  readonly waitingLines: SharedArrayBuffer;
}

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
};

export type FrontPort = CallPort & { close(): void };

const heartbeatMs = 1_000;
/** Bodies that all fronts hold at once, unless the largest allowed body asks for more. */
const bodyBudgetBytes = 512 * 1_024 * 1_024;
const lastWordsMs = 1_000;
/** For the last spans; below what main waits for the answer to `close`. */
const flushMs = 1_500;
const lingerMs = 100;
/** Longer than a task may wait in the compute pool, so that the pool's own refusal arrives first. */
const poolCallTimeoutMs = 65_000;
/** Main answers in milliseconds unless something holds it up. */
const sessionSignatureTimeoutMs = 2_000;

export async function startFront(data: FrontData, port: FrontPort): Promise<void> {
  const { index, config, memory } = data;
  const clock = systemClock;
  const thread = `front-${index}`;
  const log = createLogger({ level: data.logLevel, thread });
  const metricsRegistry = new MetricsRegistry();
  const metrics = createFrontMetrics(metricsRegistry, watchEventLoop(thread));
  const inferenceMetrics = createInferenceMetrics(metricsRegistry);

  const inFlight = new InFlightTable(memory.inFlight);
  const vitals = new FrontVitals(memory.vitals);
  const gateways = openRegistryView({
    cell: memory.gatewayCell,
    maxStalenessMs: config.registry.maxStaleness,
    clock,
  });
  const providers = openRegistryView({
    cell: memory.providerCell,
    maxStalenessMs: config.registry.maxStaleness,
    clock,
  });

  let served = createServedModels(data.models);
  const inference = createInference({
    front: index,
    fronts: data.fronts,
    models: () => served,
    states: {
      inFlight,
      health: new BackendHealth(memory.health),
      breakers: new Breakers(memory.breakers, {
        failures: config.proxy.breaker.failures,
        openForMs: config.proxy.breaker.openFor,
      }),
    },
    lines: new WaitingLines(memory.waitingLines),
    queue: { maxWaiting: config.proxy.queue.maxWaiting, maxWaitMs: config.proxy.queue.maxWait },
    retryBudgetPercent: config.proxy.retryBudgetPercent,
    affinity: config.proxy.affinity,
    timeouts: {
      connectMs: config.proxy.connectTimeout,
      firstByteMs: config.proxy.firstByteTimeout,
      idleMs: config.proxy.idleTimeout,
      totalMs: config.proxy.totalTimeout,
    },
    // As the Go node reads it: 0 is no limit.
    maxIdleConnections: config.proxy.maxIdleConns || Number.POSITIVE_INFINITY,
    idleConnectionMs: config.proxy.idleConnTimeout,
    countAdmission: metrics.countAdmission,
    keepAliveMs: config.proxy.keepAliveComments,
    countError: metrics.countUpstreamError,
    countRetry: metrics.countRetry,
    report: (x, backend, err, isRetried) =>
      log.warn({ id: x.id, phase: x.phase, endpoint: x.endpoint, backend, isRetried, err }, 'backend failed'),
    reportOpened: (backend) =>
      log.warn({ backend, openForMs: config.proxy.breaker.openFor }, 'backend gets no requests for a while'),
  });

  const tracing =
    config.telemetry.otlpEndpoint === ''
      ? undefined
      : (await import('./tracing/tracing.js')).openTracing({
          endpoint: config.telemetry.otlpEndpoint,
          thread,
          scheme: config.node.tls.certFile === '' ? 'http' : 'https',
          port: data.port,
          log,
          count: metrics.countSpans,
        });

  const methods: FrontMethods = {
    collectMetrics: () => snapshotMetrics(metricsRegistry),
    setLogLevel(level) {
      log.level = level;
    },
    setModels(models) {
      served = createServedModels(models);
      inference.prune();
    },
    drain() {
      isDraining = true;
      server.stopListening();
    },
    async close() {
      end();
      await tracing?.close(flushMs);
      // After the answer is on its way; without the port nothing keeps the thread alive.
      setImmediate(() => port.close());
      // But a collector that does not answer. All sockets of callers are closed, so the thread may end like this.
      if (tracing !== undefined) setTimeout(() => process.exit(0), lingerMs).unref();
    },
  };
  const main = connectThread<MainMethods, FrontMethods>(port, methods);

  const native = data.recovery === 'native' ? loadNativeRecovery() : { unavailable: 'not asked for' };
  if ('unavailable' in native) {
    log.warn({ reason: native.unavailable }, 'no native secp256k1: signatures go to the compute pool');
  }
  const maxAgeS = Math.ceil(config.auth.maxAge / 1_000);
  const limits = callerLimits(config.limits);
  const store =
    data.store &&
    openFrontStore({
      ...data.store,
      config,
      limits,
      clock,
      metricsRegistry,
      onUsable: (isUsable) => vitals.setStoreUsable(index, isUsable),
    });
  const sessions = store?.sessions ?? inMemorySessions(new SessionTable(memory.sessions), clock);
  const authentication: AuthenticationOptions = {
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
      recovery:
        'unavailable' in native
          ? createPoolRecovery((signed) => main.call('recoverSigner', signed, poolCallTimeoutMs))
          : native,
      sessions,
    }),
    recordMark: (second) => main.call('recordReplayMark', second),
    recordedMarkS: store === undefined ? () => vitals.storedMarkS : () => Number.POSITIVE_INFINITY,
    count: metrics.countAuth,
  };

  const schedulerOnly = authorityOf(createSchedulerRegistry(config.schedulerAddress));
  const gatewayOrScheduler = anyAuthority([schedulerOnly, authorityOf(gateways)]);
  const gatewayAuth = config.registry.bypassAuth
    ? bypassAuthentication(metrics.countAuth)
    : authenticate(authentication, gatewayOrScheduler);
  const schedulerAuth = authenticate(authentication, schedulerOnly);

  let isDraining = false;
  const owner = addressWords(addressBytes(data.owner));
  const admit: Layer = (next) => (x) => {
    x.phase = 'admit';
    if (config.registry.requireRegistration === 'refuse') {
      const state = registrationState(providers, owner);
      if (state === 'unknown') throw new NodeError('registry_unavailable');
      if (state !== 'active') throw new NodeError('not_registered');
    }
    next(x);
  };
  const limitStore =
    limits === undefined || memory.limits === undefined
      ? store?.limits
      : inMemoryLimits(new LimitTable(memory.limits, limits), index);
  const limited: readonly Layer[] =
    limits === undefined || limitStore === undefined
      ? []
      : [limitCallers({ limits, store: limitStore, countRefusal: createLimitCounter(metricsRegistry) })];
  const refuseWhileDraining: Layer = (next) => (x) => {
    if (isDraining) throw new NodeError('draining');
    next(x);
  };
  const record: Layer = (next) => (x) => {
    inFlight.enter(index, requestColumn);
    tracing?.follow(x);
    x.onEnd((end) => {
      x.phase = 'record';
      inFlight.leave(index, requestColumn);
      const durationMs = performance.now() - x.startedAtMs;
      const status = x.status === 0 ? 499 : x.status;
      metrics.countResponse(x.endpoint, status, durationMs / 1_000);
      if (x.inference !== undefined) {
        const wasStreamed = x.isTokenStream && x.firstByteAtMs > 0;
        inferenceMetrics.record(x.inference, {
          endpoint: x.endpoint,
          operation: operationOf(x.endpoint) ?? 'other',
          end,
          errorType: errorTypeOf(x, end),
          durationS: durationMs / 1_000,
          firstTokenS: wasStreamed ? (x.firstByteAtMs - x.startedAtMs) / 1_000 : undefined,
        });
      }
      if (log.isLevelEnabled('debug')) log.debug({ ...summaryOf(x), end, status, durationMs }, 'request');
    });
    next(x);
  };

  const size = limitBody(config.node.maxBodyBytes);
  const route = (
    errorFormat: Route['errorFormat'],
    methodNames: readonly string[],
    pattern: string,
    layers: readonly Layer[],
    handler: Handler,
  ): Route => ({
    pattern,
    errorFormat,
    handler: through(
      [record, ...layers, ...(methodNames.length > 0 ? [allowMethods(methodNames)] : [])],
      handler,
    ),
  });
  const gateway = [refuseWhileDraining, size, gatewayAuth, admit, ...limited];
  const scheduler = [refuseWhileDraining, size, schedulerAuth];
  const health: Handler = (x) => x.respondJson(200, { status: 'ok' });
  const unknownRoute: Handler = () => {
    throw new NodeError('route_not_found');
  };

  const makeSession = openSession({
    clock,
    sessions,
    ttlS: Math.max(1, Math.floor(config.auth.session.ttl / 1_000)),
    sign: (offer) => main.call('signSession', offer, sessionSignatureTimeoutMs),
  });

  const routes: readonly Route[] = [
    route('openai', ['POST'], '/v1/chat/completions', gateway, inference.json),
    route('openai', ['POST'], '/v1/completions', gateway, inference.json),
    route('openai', ['POST'], '/v1/embeddings', gateway, inference.json),
    route(
      'openai',
      ['GET', 'POST'],
      '/v1/models',
      gateway,
      listModels(() => served),
    ),
    route(
      'openai',
      ['GET'],
      '/v1/models/{id}',
      gateway,
      retrieveModel(() => served),
    ),
    ...(config.auth.schemes.includes('session')
      ? [route('openai', ['POST'], '/v1/fxn/session', gateway, makeSession)]
      : []),
    route('openai', [], '/v1/*', gateway, config.proxy.passThrough ? inference.passThrough : unknownRoute),
    route('plain', ['POST'], '/challenge', scheduler, answerChallenge([])),
    route('plain', ['GET', 'HEAD'], '/health', [], health),
    route('plain', [], '/*', [], unknownRoute),
  ];

  const { certFile, keyFile } = config.node.tls;
  const server = createHttpServer({
    tls: certFile === '' ? undefined : { certFile, keyFile },
    maxBodyBytes: config.node.maxBodyBytes,
    bodyBudget: new BodyBudget(Math.max(bodyBudgetBytes / data.fronts, 4 * config.node.maxBodyBytes)),
    handler: routeAll(routes),
    onFault: (thrown, x) => {
      // A refusal thrown by a layer is an answer, not a fault.
      if (toNodeError(thrown).code !== 'internal_error') return;
      metrics.countHandlerFault();
      log.error({ ...summaryOf(x), err: thrown }, 'request failed by an error of this program');
    },
  });

  const heartbeat = setInterval(() => vitals.beat(index), heartbeatMs);
  heartbeat.unref();

  const end = (): void => {
    clearInterval(heartbeat);
    server.close();
    inference.close();
    store?.close();
  };

  const leave = async (): Promise<void> => {
    try {
      await main.call('frontFailed', await snapshotMetrics(metricsRegistry), lastWordsMs);
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', (thrown) => {
    // uWS aborts the whole process when a thread ends with open sockets: close them before anything else.
    end();
    log.fatal({ err: thrown }, 'front failed and will be replaced');
    void leave();
  });

  vitals.beat(index);
  await server.listen(config.node.listenAddress, data.port);
  await main.call('frontListens', undefined);
}

/** A registry view as an authority; one that is not fresh authorises nobody. */
function authorityOf(view: Pick<RegistryView, 'lookup' | 'isFresh'>): CallerAuthority {
  return {
    standingOf(caller) {
      if (!view.isFresh()) return 'unavailable';
      return (view.lookup(caller) & namedByActive) !== 0 ? 'known' : 'unknown';
    },
  };
}

/** Ours has a code, the client's is that it left, a backend's own has a status that was passed. */
function errorTypeOf(x: Exchange, end: ExchangeEnd): string {
  if (end === 'client_closed') return end;
  return x.errorCode ?? (x.status >= 400 ? String(x.status) : '');
}

function summaryOf(x: Exchange): Record<string, unknown> {
  return {
    id: x.id,
    method: x.head.method,
    endpoint: x.endpoint,
    caller: x.caller,
    code: x.errorCode,
    bytesIn: x.receivedBytes,
    bytesOut: x.sentBytes,
  };
}
