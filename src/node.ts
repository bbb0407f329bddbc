/**
 * The node: supervisor of its threads. What exists, in order; `close` ends it in reverse. Main stays free of
 * work that takes long, because it answers the admin port and watches the others.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Admin, startAdmin } from './admin.js';
import { createReplayMarkWriter, readReplayMark } from './auth/replayMark.js';
import { signSessionStatement } from './auth/sessionStatement.js';
import { startWithStore } from './auth/storeChange.js';
import { createComputePool } from './compute/computePool.js';
import type { Config } from './config/config.js';
import { problemsIn } from './config/configError.js';
import { type LoadConfigOptions, type LoadedConfig, loadConfig } from './config/loadConfig.js';
import type { BackendStatus, ReloadReport } from './console/statusDocument.js';
import { NodeError } from './errors/nodeError.js';
import type { FrontData, FrontMethods, MainMethods } from './front/frontThread.js';
import { createSharedMemory } from './front/sharedMemory.js';
import { checkCertificate } from './http/checkCertificate.js';
import { reservePort } from './http/reservePort.js';
import { checksumAddress } from './keys/checksumAddress.js';
import type { NodeKey } from './keys/nodeKey.js';
import type { AddressText } from './lib/address.js';
import { callerLimits } from './lib/callerLimits.js';
import { nowSeconds, systemClock } from './lib/clock.js';
import { deferred } from './lib/deferred.js';
import type { Logger } from './logger/logger.js';
import { watchEventLoop } from './metrics/eventLoopDelay.js';
import { addMachineMetrics } from './metrics/machineMetrics.js';
import { createNodeMetrics } from './metrics/nodeMetrics.js';
import { addStoreGauge } from './metrics/storeMetrics.js';
import {
  MetricsRegistry,
  type MetricsSnapshot,
  renderMetrics,
  snapshotMetrics,
} from './metrics/threadMetrics.js';
import { ThreadNumbers } from './metrics/threadNumbers.js';
import { createConsoleSource } from './node/consoleSource.js';
import { blockingProblems, type Readiness, type ReadinessFacts, readinessOf } from './node/readiness.js';
import { RecentRequests } from './node/recentRequests.js';
import { startAlerts } from './node/startAlerts.js';
import { startChallenges } from './node/startChallenges.js';
import { watchBackends } from './openai/backendWatch.js';
import { createRouting, type RoutedBackend, type RoutedModels } from './openai/routedModels.js';
import { sessionStorePurpose } from './redis/sealedSession.js';
import { watchStore } from './redis/watchStore.js';
import type {
  RegistryThreadData,
  RegistryThreadMethods,
  RegistryThreadStatus,
} from './registry/registryThread.js';
import { BackendHealth } from './shm/backendHealth.js';
import { Breakers } from './shm/breakers.js';
import { FrontTotals } from './shm/frontTotals.js';
import { FrontVitals } from './shm/frontVitals.js';
import { backendColumn, InFlightTable, maxBackendSlots, requestColumn } from './shm/inFlightTable.js';
import { LimitTable } from './shm/limitTable.js';
import { ReplayTable } from './shm/replayTable.js';
import { maxLanes, WaitingLines } from './shm/waitingLines.js';
import { lockHome } from './storage/homeLock.js';
import {
  type SupervisedThread,
  startSupervisedThread,
  type ThreadFailure,
} from './threads/supervisedThread.js';
import type { WarmThread } from './threads/warmThread.js';
import { watchHeartbeats } from './threads/watchHeartbeats.js';

export interface NodeOptions {
  readonly loaded: LoadedConfig;
  /** How `loaded` was loaded, to do it again on reload. */
  readonly source: LoadConfigOptions;
  /** Opened while the rest starts: decrypting takes longer than everything else together. */
  readonly key: Promise<NodeKey>;
  readonly log: Logger;
  /** Ends the process when the node cannot go on by itself. */
  readonly abort: (exitCode: number) => void;
  /** `pool` does without the native signature library. */
  readonly recovery?: 'native' | 'pool';
  /** Another entry for the front threads, for tests that break one. */
  readonly frontEntry?: URL;
  /** Threads that load their modules already. */
  readonly warm?: WarmThreads | undefined;
}

export interface WarmThreads {
  readonly registry: WarmThread;
  readonly front: WarmThread;
}

export interface ProviderNode {
  readonly port: number;
  readonly adminPort: number;
  /** Loads both files again; a bad one changes nothing. Applies models, backends, log level and webhook. */
  reload(): Promise<ReloadReport>;
  /** Lets open requests end, at most for the drain timeout, then closes everything. */
  close(): Promise<void>;
}

/** The process cannot go on and the service manager should start it again (EX_SOFTWARE). */
const exitInternal = 70;
const drainPollMs = 50;
const threadReplyMs = 2_000;

export async function startNode(options: NodeOptions): Promise<ProviderNode> {
  const { log, abort, recovery = 'native' } = options;
  const { config, paths } = options.loaded;
  const clock = systemClock;
  mkdirSync(paths.home, { recursive: true, mode: 0o700 });
  const lock = lockHome(paths.lockFile);
  // An earlier process with this home ended before the lock was ours, so it served nothing dated later.
  const lockedAtS = nowSeconds(clock);
  const closers: (() => unknown)[] = [() => lock.release()];

  try {
    const node = await startLocked();
    return node;
  } catch (thrown) {
    await closeAll(closers, log);
    throw thrown;
  }

  async function startLocked(): Promise<ProviderNode> {
    const recordedMarkS = readReplayMark(paths.replayMarkFile);
    if (config.node.tls.certFile !== '') checkCertificate(config.node.tls);
    const port = await reservePort(config.node.listenAddress, config.node.listenPort);

    const fronts = config.node.threads === 'auto' ? availableParallelism() : config.node.threads;
    const memory = createSharedMemory(config, fronts);
    const inFlight = new InFlightTable(memory.inFlight);
    const vitals = new FrontVitals(memory.vitals);
    const totals = new FrontTotals(memory.totals);
    const replayTable = new ReplayTable(memory.replayTable);
    const limits = callerLimits(config.limits);
    const limitTable =
      limits === undefined || memory.limits === undefined ? undefined : new LimitTable(memory.limits, limits);
    vitals.storedMarkS = recordedMarkS;
    if (recordedMarkS > lockedAtS + config.auth.maxSkew / 1_000) {
      const remedy = 'correct the clock; if it was wrong when the mark was written, delete the file';
      log.error(
        { file: paths.replayMarkFile, markS: recordedMarkS, remedy },
        'the replay mark refuses every request',
      );
    }
    const recordReplayMark = createReplayMarkWriter(paths.replayMarkFile, vitals);
    const { replayMarkS, isFirstUse } = await startWithStore({
      file: paths.sharedStoreFile,
      isShared: config.nonceCache.store === 'redis',
      markS: Math.max(lockedAtS, recordedMarkS),
      lockedAtS,
      maxSkewS: Math.ceil(config.auth.maxSkew / 1_000),
      record: recordReplayMark,
    });

    const lines = new WaitingLines(memory.waitingLines);
    const breakers = new Breakers(memory.breakers, {
      failures: config.proxy.breaker.failures,
      openForMs: config.proxy.breaker.openFor,
    });
    const routing = createRouting({
      slots: maxBackendSlots,
      lanes: maxLanes,
      isSlotIdle: (slot) => inFlight.total(backendColumn(slot)) === 0,
      isLaneIdle: (lane) => lines.length(lane) === 0,
      // What the one before it in this slot was accused of is not its fault.
      onNewSlot: (slot) => breakers.close(slot),
    });
    let models = routing.assign(options.loaded.modelBackends);
    let logLevel = config.logger.verbosity;
    let inForce: LoadedConfig = options.loaded;
    /** Changed settings that only a restart applies. */
    let needRestart: readonly string[] = [];
    const backendWatch = watchBackends({
      intervalMs: config.proxy.healthInterval,
      health: new BackendHealth(memory.health),
      log,
    });
    closers.push(() => backendWatch.close());
    backendWatch.watch(models);

    const pool = createComputePool({
      threads: config.compute.threads,
      maxQueued: signatureQueue,
      deadlineMs: config.compute.deadline,
      onFault: (err) => log.error({ err }, 'a compute thread failed'),
    });
    closers.push(() => pool.close());

    const queued = () =>
      models.models.map(({ name, lane }) => ({ model: name, waiting: lines.length(lane) }));
    const metricsRegistry = new MetricsRegistry();
    addMachineMetrics(metricsRegistry, paths.home);
    const metrics = createNodeMetrics(
      metricsRegistry,
      {
        isReady: async () => readinessNow(await registryStatus()).ready,
        requestsInFlight: () => inFlight.total(requestColumn),
        backends: () =>
          backendsOf(models).map((backend) => ({
            label: backend.label,
            inFlight: inFlight.total(backendColumn(backend.slot)),
            ...backendWatch.reportOf(backend),
            breaker: breakers.state(backend.slot),
          })),
        queued,
        replayEntries: () => replayTable.count(nowSeconds(clock)),
        replayCapacity: config.nonceCache.capacity,
      },
      watchEventLoop('main'),
    );
    const threadNumbers = new ThreadNumbers();

    const key = await options.key;
    const owner: AddressText = config.registry.owner === '' ? key.address : config.registry.owner;
    log.info({ address: key.checksumAddress, owner }, 'node key');

    const storeAccess =
      config.nonceCache.store === 'redis'
        ? { address: key.address, sessionKey: key.deriveSecret(sessionStorePurpose), isFirstUse }
        : undefined;
    const serving = new Set<number>();
    /** Fronts that have served at some time. */
    const started = new Set<number>();
    const storeWatch =
      storeAccess &&
      watchStore({
        config,
        address: key.address,
        isFirstUse,
        clock,
        isUsableForAll: () => [...serving].every((front) => vitals.isStoreUsable(front)),
        log,
      });
    if (storeWatch !== undefined) {
      closers.push(() => storeWatch.close());
      addStoreGauge(metricsRegistry, () => storeWatch.status().up);
    }

    let restarts = 0;
    const onFailure = (thread: 'front' | 'registry', failure: ThreadFailure): void => {
      metrics.countRestart(thread);
      restarts++;
      log.error(
        { err: failure.error, exitCode: failure.exitCode, inARow: failure.inARow },
        `${thread} thread failed`,
      );
    };
    const onGiveUp = (thread: string): void => {
      log.fatal({ failed: thread }, 'a thread fails again and again: the process ends');
      abort(exitInternal);
    };

    const registry = startSupervisedThread<RegistryThreadMethods, Record<never, never>>({
      entry: new URL(import.meta.resolve('#workers/registry.js')),
      name: 'registry',
      warm: options.warm?.registry,
      workerData: (): RegistryThreadData => ({
        chainId: config.chainId,
        rpcUrls: config.rpcProvider,
        router: config.registry.routerSmartContractAddress,
        owner,
        gatewayPollIntervalMs: config.registry.gateway.pollInterval,
        providerPollIntervalMs: config.registry.provider.pollInterval,
        maxStalenessMs: config.registry.maxStaleness,
        confirmations: config.registry.confirmations,
        watchRegistration: config.registry.requireRegistration !== 'off',
        snapshotsFolder: paths.snapshotsFolder,
        logLevel,
        gatewayCell: memory.gatewayCell,
        providerCell: memory.providerCell,
      }),
      methods: {},
      onFailure(failure) {
        threadNumbers.end('registry');
        onFailure('registry', failure);
      },
      onGiveUp: () => onGiveUp('registry'),
    });
    closers.push(async () => {
      const ended = registry.ended();
      await registry.calls.call('close', undefined, threadReplyMs);
      await ended;
    });

    const challenges = startChallenges({ config, key, pool, metricsRegistry, clock, log });
    closers.push(() => challenges.close());

    const listening = Array.from({ length: fronts }, deferred);
    const frontMethods = (index: number): MainMethods => ({
      frontListens() {
        serving.add(index);
        started.add(index);
        listening[index]?.resolve();
      },
      frontFailed: (lastNumbers) => threadNumbers.leave(`front-${index}`, lastNumbers),
      recordReplayMark,
      recoverSigner: (signed) => pool.run('recoverSigner', signed),
      signSession: (offer) =>
        signSessionStatement(
          {
            ...offer,
            caller: checksumAddress(offer.caller),
            node: key.checksumAddress,
            chainId: config.chainId,
          },
          key.sign,
        ),
      answerChallenge: challenges.answer,
      leaveChallenge: challenges.leave,
    });
    const startFrontThread = (index: number): SupervisedThread<FrontMethods> =>
      startSupervisedThread<FrontMethods, MainMethods>({
        entry: options.frontEntry ?? new URL(import.meta.resolve('#workers/front.js')),
        name: `front-${index}`,
        // There is always a first front; how many more the configuration says.
        warm: index === 0 && options.frontEntry === undefined ? options.warm?.front : undefined,
        workerData: (): FrontData => ({
          index,
          fronts,
          config,
          logLevel,
          models,
          memory,
          port,
          replayMarkS,
          owner,
          // A front that is started anew comes to a store that this node has used.
          store: storeAccess && { ...storeAccess, isFirstUse: isFirstUse && !started.has(index) },
          recovery,
        }),
        methods: frontMethods(index),
        onFailure(failure) {
          serving.delete(index);
          onFailure('front', failure);
          // Before any lock is taken here: the thread ended in the middle of something and may hold it for ever.
          if ((failure.error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
            abort(exitInternal);
          }
          // In this order: a place may be granted to one of its requests until they are out of the lines.
          lines.clearFront(index);
          inFlight.clearFront(index);
          breakers.clearFront(index);
          limitTable?.clearFront(index);
          challenges.leaveFront(index);
          vitals.setStoreUsable(index, false);
          totals.clearFront(index);
          recentRequests.restart(index);
          threadNumbers.end(`front-${index}`);
          // Only the first start is waited for; there a front that fails ends the start.
          listening[index]?.reject(failure.error ?? new NodeError('internal_error'));
        },
        onGiveUp: () => onGiveUp(`front-${index}`),
      });
    const recentRequests = new RecentRequests(fronts, (index, after) =>
      frontThreads[index]!.calls.call('recentRequests', after, threadReplyMs),
    );
    const frontThreads = Array.from({ length: fronts }, (_, index) => startFrontThread(index));
    closers.push(() => closeFronts(frontThreads));
    await Promise.all(listening.map(({ promise }) => promise));

    const watchdog = watchHeartbeats(
      fronts,
      (index) => vitals.heartbeat(index),
      (index) => {
        log.fatal({ failed: `front-${index}` }, 'a front hangs: the process ends');
        abort(exitInternal);
      },
    );
    closers.push(() => watchdog.close());

    const backendStatus = (model: string, backend: RoutedBackend): BackendStatus => {
      const { isUp, kind, isModelListed } = backendWatch.reportOf(backend);
      return {
        label: backend.label,
        model,
        upstreamModel: backend.model,
        provider: backend.backendProvider,
        kind: kind ?? null,
        isUp: isUp ?? null,
        isModelListed: isModelListed ?? null,
        breaker: breakers.state(backend.slot),
        inFlight: inFlight.total(backendColumn(backend.slot)),
        maxConcurrency: backend.maxConcurrency,
        weight: backend.weight,
      };
    };

    let isDraining = false;
    let hasAskedToDrain = false;
    const collect = async (): Promise<MetricsSnapshot[]> => {
      threadNumbers.forgetGauges();
      // It asks a thread too: at the same time as the others, so that a scrape waits only once.
      const own = snapshotMetrics(metricsRegistry);
      const ask = async (thread: string, { calls }: MeasuredThread): Promise<void> => {
        const take = threadNumbers.expect(thread);
        take(await calls.call('collectMetrics', undefined, threadReplyMs));
      };
      // A thread that does not answer, because it is busy or just being replaced, does not hold the others up.
      await Promise.allSettled([
        ask('registry', registry),
        ...frontThreads.map((front, index) => ask(`front-${index}`, front)),
      ]);
      return [await own, ...threadNumbers.snapshots];
    };
    // A registry thread that is just being replaced does not answer; that is a reason, not an error.
    const registryStatus = (): Promise<RegistryThreadStatus | undefined> =>
      registry.calls.call('status', undefined, threadReplyMs).catch(() => undefined);
    const readinessFacts = (registries: RegistryThreadStatus | undefined): ReadinessFacts => ({
      registries,
      backends: backendsOf(models).map((backend) => {
        const { isUp, kind, isModelListed } = backendWatch.reportOf(backend);
        return {
          backend: backend.label,
          up: isUp ?? null,
          kind: kind ?? null,
          modelListed: isModelListed ?? null,
        };
      }),
      store: storeWatch?.status(),
      challenges: challenges.details(),
      servingFronts: serving.size,
      isDraining,
    });
    const readinessNow = (registries: RegistryThreadStatus | undefined): Readiness =>
      readinessOf(readinessFacts(registries));
    const source = createConsoleSource({
      identity: {
        address: key.checksumAddress,
        owner,
        chainId: config.chainId,
        listenAddress: config.node.listenAddress,
        port,
        isTls: config.node.tls.certFile !== '',
        publicUrl: config.node.publicUrl,
      },
      frontsConfigured: fronts,
      requireRegistration: config.registry.requireRegistration,
      isBypassed: config.registry.bypassAuth,
      clock,
      totals,
      inFlight: () => inFlight.total(requestColumn),
      queued: () => models.models.reduce((sum, { lane }) => sum + lines.length(lane), 0),
      challenges,
      requests: recentRequests,
      registries: registryStatus,
      blocking: (registries) => blockingProblems(readinessFacts(registries)),
      live: () => ({
        isDraining,
        servingFronts: serving.size,
        restarts,
        models: models.models.map(({ name, aliases, lane }) => ({
          name,
          aliases,
          isDefault: name === models.default,
          queued: lines.length(lane),
        })),
        backends: models.models.flatMap(({ name, backends }) =>
          backends.map((backend) => backendStatus(name, backend)),
        ),
        replayTable: {
          entries: replayTable.count(nowSeconds(clock)),
          capacity: config.nonceCache.capacity,
        },
        store: storeWatch?.status(),
        configuration: { loadedAtMs: models.loadedAt * 1_000, needRestart },
      }),
      loaded: () => inForce,
      reload: () => reload(),
      drain() {
        if (hasAskedToDrain) return;
        hasAskedToDrain = true;
        // As if the signal had come: whoever runs this node decides what that means.
        process.emit('SIGTERM', 'SIGTERM');
      },
    });
    closers.push(() => source.close());
    const admin: Admin = await startAdmin({
      host: config.admin.listenAddress,
      port: config.admin.listenPort,
      renderMetrics: async () => renderMetrics(await collect()),
      readiness: async () => readinessNow(await registryStatus()),
      async openConsole() {
        const { createConsoleServer } = await import('./console/consoleServer.js');
        return createConsoleServer({
          source,
          tokenFile: paths.consoleTokenFile,
          hosts: [...config.admin.hosts, config.admin.listenAddress],
          log,
        });
      },
      log,
    });
    closers.push(() => admin.close());
    log.info(
      {
        address: config.node.listenAddress,
        port,
        tls: config.node.tls.certFile !== '',
        fronts,
        adminAddress: config.admin.listenAddress,
        adminPort: admin.port,
      },
      'listening',
    );
    challenges.begin();
    const alerts = startAlerts({
      config,
      address: key.checksumAddress,
      async read() {
        const registries = await registryStatus();
        return {
          registries,
          readiness: readinessNow(registries),
          isDraining,
          backends: backendsOf(models).map((backend) => ({
            backend: backend.label,
            isUp: backendWatch.reportOf(backend).isUp,
          })),
          queues: queued().map((line) => ({ ...line, maxWaiting: config.proxy.queue.maxWaiting })),
          challenges: challenges.vitals(),
        };
      },
      metricsRegistry,
      clock,
      log,
    });
    closers.push(() => alerts.close());
    await alerts.use(config.alerts.webhookUrl);
    if (config.auth.schemes.includes('rfc9421') && isNameless(config)) {
      const remedy = 'set node.publicUrl or auth.authorities';
      log.warn(
        { remedy },
        'this node has no name: requests signed for their recipient (rfc9421) are refused',
      );
    }

    const tellFronts = (
      tell: (front: SupervisedThread<FrontMethods>) => Promise<unknown>,
    ): Promise<unknown> =>
      // A front that fails meanwhile starts again with the new values.
      Promise.allSettled(frontThreads.map(tell));

    const reload = async (): Promise<ReloadReport> => {
      let fresh: LoadedConfig;
      let routed: RoutedModels;
      try {
        fresh = loadConfig(options.source);
        routed = routing.assign(fresh.modelBackends);
      } catch (err) {
        metrics.countReload('refused');
        log.error({ err }, 'reload refused: the old configuration stays');
        return {
          isApplied: false,
          problems: problemsIn(err),
          warnings: [],
          needRestart,
          models: models.models.length,
        };
      }
      const { warnings } = fresh;
      for (const warning of warnings) log.warn({ warning }, 'configuration');
      models = routed;
      logLevel = fresh.config.logger.verbosity;
      log.level = logLevel;
      inForce = {
        ...inForce,
        config: { ...config, logger: fresh.config.logger, alerts: fresh.config.alerts },
        modelBackends: fresh.modelBackends,
      };
      backendWatch.watch(models);
      await tellFronts(async ({ calls }) => {
        await calls.call('setLogLevel', logLevel);
        await calls.call('setModels', models);
      });
      await registry.calls.call('setLogLevel', logLevel).catch((err: unknown) => {
        log.warn({ err }, 'the registry thread keeps its log level');
      });
      await alerts.use(fresh.config.alerts.webhookUrl);
      metrics.countReload('applied');
      needRestart = sectionsThatNeedRestart(config, fresh.config);
      if (needRestart.length > 0) {
        log.warn({ sections: needRestart }, 'changed settings that only a restart applies');
      }
      log.info(
        { models: models.models.length, logLevel },
        'reloaded models, backends, log level and webhook',
      );
      return { isApplied: true, problems: [], warnings, needRestart, models: models.models.length };
    };

    return {
      port,
      adminPort: admin.port,
      reload,
      async close() {
        isDraining = true;
        // A front that starts anew now would not know that nothing more is to be accepted.
        for (const thread of frontThreads) thread.retire();
        log.info({ inFlight: inFlight.total(requestColumn) }, 'draining');
        await tellFronts(({ calls }) => calls.call('drain', undefined, threadReplyMs));
        const deadlineMs = performance.now() + config.node.drainTimeout;
        while (inFlight.total(requestColumn) > 0 && performance.now() < deadlineMs) {
          await new Promise((resolve) => setTimeout(resolve, drainPollMs));
        }
        const cut = inFlight.total(requestColumn);
        if (cut > 0) log.warn({ cut }, 'the drain timeout cuts open requests');
        await closeAll(closers, log);
        log.info('stopped');
      },
    };
  }
}

type MeasuredThread = Pick<SupervisedThread<Pick<FrontMethods, 'collectMetrics'>>, 'calls'>;

/** Sections of the configuration that a reload applies. */
const reloaded: ReadonlySet<keyof Config> = new Set(['logger', 'alerts']);

function sectionsThatNeedRestart(before: Config, after: Config): string[] {
  const sections = Object.keys(before) as (keyof Config)[];
  return sections.filter(
    (name) => !reloaded.has(name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}

/** Nobody sends a request to the address that means all of them. */
function isNameless({ node, auth }: Config): boolean {
  const isEverywhere = node.listenAddress === '0.0.0.0' || node.listenAddress === '::';
  return isEverywhere && node.publicUrl === '' && auth.authorities.length === 0;
}

/** Signatures that may wait for the compute pool over all fronts; more are refused. */
const signatureQueue = 1_024;
const backendsOf = ({ models }: RoutedModels) => models.flatMap((model) => model.backends);

async function closeFronts(threads: readonly SupervisedThread<FrontMethods>[]): Promise<void> {
  await Promise.allSettled(
    threads.map(async (thread) => {
      const ended = thread.ended();
      // Rejects for a front that has failed, which is as good as closed.
      await thread.calls.call('close', undefined, threadReplyMs).catch(() => undefined);
      await ended;
    }),
  );
}

/** In reverse; one that fails does not keep the others from closing. */
async function closeAll(closers: (() => unknown)[], log: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (err) {
      log.warn({ err }, 'a part did not close in good order');
    }
  }
}
