/**
 * A front: one uWS server on the public port, with everything a request passes through. What exists, in order;
 * `close` ends it in reverse. The route table below is the list of public endpoints. Runs in a front thread;
 * it is handed frozen configuration and shared memory, nothing live.
 */

import { authenticate, bypassAuthentication } from './auth/authenticate.js';
import { anyAuthority, type CallerAuthority } from './auth/authority.js';
import { openSession } from './auth/openSession.js';
import { inMemorySessions } from './auth/sessionStore.js';
import { forwardChallenge } from './challenge/forwardChallenge.js';
import { NodeError, toNodeError } from './errors/nodeError.js';
import { frontAuthentication } from './front/frontAuthentication.js';
import { frontInference } from './front/frontInference.js';
import type { FrontData, FrontMethods, FrontPort, MainMethods } from './front/frontThread.js';
import { recordRequest, summaryOf } from './front/recordRequest.js';
import { RequestRing } from './front/requestRing.js';
import { BodyBudget } from './http/bodyBudget.js';
import { limitBody } from './http/limitBody.js';
import { allowMethods, type Handler, type Layer, type Route, routeAll, through } from './http/route.js';
import { createHttpServer } from './http/server.js';
import { addressBytes } from './lib/address.js';
import { addressWords } from './lib/addressWords.js';
import { callerLimits } from './lib/callerLimits.js';
import { systemClock } from './lib/clock.js';
import { limitCallers } from './limits/limitCallers.js';
import { inMemoryLimits } from './limits/limitStore.js';
import { createLogger } from './logger/logger.js';
import { watchEventLoop } from './metrics/eventLoopDelay.js';
import { createFrontMetrics } from './metrics/frontMetrics.js';
import { createInferenceMetrics } from './metrics/inferenceMetrics.js';
import { createLimitCounter } from './metrics/storeMetrics.js';
import { MetricsRegistry, snapshotMetrics } from './metrics/threadMetrics.js';
import { listModels, retrieveModel } from './openai/models.js';
import { createServedModels } from './openai/servedModels.js';
import { openFrontStore } from './redis/frontStore.js';
import { registrationState } from './registry/registrationWatch.js';
import { openRegistryView, type RegistryView } from './registry/registryView.js';
import { createSchedulerRegistry } from './registry/schedulerRegistry.js';
import { namedByActive } from './shm/addressIndex.js';
import { FrontTotals } from './shm/frontTotals.js';
import { FrontVitals } from './shm/frontVitals.js';
import { InFlightTable } from './shm/inFlightTable.js';
import { LimitTable } from './shm/limitTable.js';
import { SessionTable } from './shm/sessionTable.js';
import { connectThread } from './threads/threadCalls.js';

const heartbeatMs = 1_000;
/** Bodies that all fronts hold at once, unless the largest allowed body asks for more. */
const bodyBudgetBytes = 512 * 1_024 * 1_024;
const lastWordsMs = 1_000;
/** For the last spans; below what main waits for the answer to `close`. */
const flushMs = 1_500;
const lingerMs = 100;
/** Main answers in milliseconds unless something holds it up. */
const sessionSignatureTimeoutMs = 2_000;
/** Main's own deadlines pass first, with an answer that says more. */
const challengeGraceMs = 10_000;

export async function startFront(data: FrontData, port: FrontPort): Promise<void> {
  const { index, config, memory } = data;
  const clock = systemClock;
  const thread = `front-${index}`;
  const log = createLogger({ level: data.logLevel, thread });
  const metricsRegistry = new MetricsRegistry();
  const metrics = createFrontMetrics(metricsRegistry, watchEventLoop(thread));
  const vitals = new FrontVitals(memory.vitals);
  const totals = new FrontTotals(memory.totals);
  const recent = new RequestRing();
  const countAuth = (outcome: string): void => {
    metrics.countAuth(outcome);
    totals.countAuth(index, outcome);
  };
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
  const inference = frontInference({ data, models: () => served, metrics, log });

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
    recentRequests: (after) => recent.after(after),
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
  const authentication = frontAuthentication({
    data,
    clock,
    main,
    sessions,
    store,
    count: countAuth,
    log,
  });

  const schedulerOnly = authorityOf(createSchedulerRegistry(config.schedulerAddress));
  const gatewayOrScheduler = anyAuthority([schedulerOnly, authorityOf(gateways)]);
  const gatewayAuth = config.registry.bypassAuth
    ? bypassAuthentication(countAuth)
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
  const record = recordRequest({
    front: index,
    inFlight: new InFlightTable(memory.inFlight),
    metrics,
    inferenceMetrics: createInferenceMetrics(metricsRegistry),
    totals,
    recent,
    clock,
    log,
    trace: tracing && ((x) => tracing.follow(x)),
  });

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

  const challenge = forwardChallenge({
    front: index,
    answer: (forwarded) =>
      main.call('answerChallenge', forwarded, config.compute.deadline + challengeGraceMs),
    // Main not answering is noticed where it is asked for something.
    leave: (ticket) => void main.call('leaveChallenge', ticket).catch(() => undefined),
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
    route('plain', ['POST'], '/challenge', scheduler, challenge),
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
