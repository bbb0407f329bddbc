/**
 * The node: supervisor of its threads. What exists, in order; `close` ends it in reverse. Main stays free of
 * work that takes long, because it answers the admin port and watches the others.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readReplayMark } from './auth/replayMark.js';
import { createComputePool } from './compute/computePool.js';
import type { LoadConfigOptions, LoadedConfig } from './config/loadConfig.js';
import type { ReloadReport } from './console/statusDocument.js';
import { createSharedMemory } from './front/sharedMemory.js';
import { checkCertificate } from './http/checkCertificate.js';
import { reservePort } from './http/reservePort.js';
import type { NodeKey } from './keys/nodeKey.js';
import type { AddressText } from './lib/address.js';
import { nowSeconds, systemClock } from './lib/clock.js';
import type { Logger } from './logger/logger.js';
import { Closers } from './node/closers.js';
import { createConsoleSource } from './node/consoleSource.js';
import { createDrain } from './node/drain.js';
import { createFrontServices } from './node/frontServices.js';
import { createMainMetrics } from './node/mainMetrics.js';
import { createNodeReadiness } from './node/nodeReadiness.js';
import { warnWithoutName } from './node/recipientName.js';
import { createReload } from './node/reload.js';
import { SettingsInForce } from './node/settingsInForce.js';
import { settleReplayMark } from './node/settleReplayMark.js';
import { openSharedTables } from './node/sharedTables.js';
import { startAdminPort } from './node/startAdminPort.js';
import { startAlerts } from './node/startAlerts.js';
import { startChallenges } from './node/startChallenges.js';
import { startFronts } from './node/startFronts.js';
import { startModels } from './node/startModels.js';
import { startRegistry } from './node/startRegistry.js';
import { startStore } from './node/startStore.js';
import { ThreadFailures } from './node/threadFailures.js';
import { lockHome } from './storage/homeLock.js';
import type { WarmThread } from './threads/warmThread.js';

export interface NodeOptions {
  readonly loaded: LoadedConfig;
  /** How `loaded` was loaded, to do it again on reload. */
  readonly source: LoadConfigOptions;
  /** Opened while the rest starts: decrypting takes longer than everything else together. */
  readonly key: Promise<NodeKey>;
  readonly log: Logger;
  /** Ends the process when the node cannot go on by itself. */
  readonly abort: (exitCode: number) => void;
  /** The console asks, maybe more than once, that whoever runs this node closes it. */
  readonly onDrainAsked: () => void;
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

/** Signatures that may wait for the compute pool over all fronts; more are refused. */
const signatureQueue = 1_024;

export async function startNode(options: NodeOptions): Promise<ProviderNode> {
  const { loaded, log } = options;
  mkdirSync(loaded.paths.home, { recursive: true, mode: 0o700 });
  const lock = lockHome(loaded.paths.lockFile);
  const closers = new Closers();
  closers.add(() => lock.release());
  try {
    return await startLocked(options, nowSeconds(systemClock), closers);
  } catch (thrown) {
    await closers.closeAll(log);
    throw thrown;
  }
}

async function startLocked(options: NodeOptions, lockedAtS: number, closers: Closers): Promise<ProviderNode> {
  const { loaded, log, warm, recovery = 'native' } = options;
  const { config, paths } = loaded;
  const clock = systemClock;
  const isTls = config.node.tls.certFile !== '';

  const recordedMarkS = readReplayMark(paths.replayMarkFile);
  if (isTls) checkCertificate(config.node.tls);
  const port = await reservePort(config.node.listenAddress, config.node.listenPort);

  const frontCount = config.node.threads === 'auto' ? availableParallelism() : config.node.threads;
  const memory = createSharedMemory(config, frontCount);
  const tables = openSharedTables(memory, config);
  const { vitals } = tables;
  const replayMark = await settleReplayMark({ config, paths, recordedMarkS, lockedAtS, vitals, log });

  const settings = new SettingsInForce(loaded);
  const models = startModels({ loaded, tables, log });
  closers.add(() => models.close());

  const pool = createComputePool({
    threads: config.compute.threads,
    maxQueued: signatureQueue,
    deadlineMs: config.compute.deadline,
    onFault: (err) => log.error({ err }, 'a compute thread failed'),
  });
  closers.add(() => pool.close());

  const isReady = async (): Promise<boolean> => (await readiness.now()).ready;
  const metrics = createMainMetrics({ config, home: paths.home, models, tables, isReady, clock });
  const { registry: metricsRegistry, threadNumbers } = metrics;

  const key = await options.key;
  const owner: AddressText = config.registry.owner === '' ? key.address : config.registry.owner;
  log.info({ address: key.checksumAddress, owner }, 'node key');

  const store = startStore({
    config,
    key,
    isFirstUse: replayMark.isFirstUse,
    isUsableForAll: () => fronts.isStoreUsable,
    metricsRegistry,
    clock,
    log,
  });
  if (store !== undefined) closers.add(() => store.close());

  const failures = new ThreadFailures({ countRestart: metrics.countRestart, abort: options.abort, log });
  const registry = startRegistry({
    config,
    memory,
    owner,
    snapshotsFolder: paths.snapshotsFolder,
    logLevel: () => settings.logLevel,
    warm: warm?.registry,
    failures,
    threadNumbers,
  });
  closers.add(() => registry.close());

  const challenges = startChallenges({ config, key, pool, metricsRegistry, clock, log });
  closers.add(() => challenges.close());

  const fronts = startFronts({
    count: frontCount,
    entry: options.frontEntry,
    warm: warm?.front,
    data: () => ({
      config,
      logLevel: settings.logLevel,
      models: models.routed,
      memory,
      port,
      replayMarkS: replayMark.replayMarkS,
      owner,
      store: store?.access,
      recovery,
    }),
    services: createFrontServices({ config, key, replayMark, pool, challenges }),
    tables,
    leaveChallenges: challenges.leaveFront,
    failures,
    threadNumbers,
  });
  closers.add(() => fronts.close());
  await fronts.started();

  const drain = createDrain({ fronts, tables, timeoutMs: config.node.drainTimeout, log });
  const readiness = createNodeReadiness({ registry, models, store, challenges, fronts, drain });

  const source = createConsoleSource({
    identity: { address: key.checksumAddress, owner, port },
    frontsConfigured: frontCount,
    tables,
    settings,
    models,
    registry,
    challenges,
    fronts,
    readiness,
    failures,
    store,
    drain,
    reload: () => reload(),
    askToDrain: options.onDrainAsked,
    clock,
  });
  closers.add(() => source.close());

  const admin = await startAdminPort({
    config,
    tokenFile: paths.consoleTokenFile,
    metrics,
    threads: [registry, ...fronts.measured],
    readiness,
    source,
    log,
  });
  closers.add(() => admin.close());
  log.info(
    {
      address: config.node.listenAddress,
      port,
      tls: isTls,
      fronts: frontCount,
      adminAddress: config.admin.listenAddress,
      adminPort: admin.port,
    },
    'listening',
  );
  challenges.begin();

  const alerts = startAlerts({
    config,
    address: key.checksumAddress,
    registry,
    readiness,
    models,
    challenges,
    drain,
    metricsRegistry,
    clock,
    log,
  });
  closers.add(() => alerts.close());
  const reload = createReload({
    source: options.source,
    settings,
    models,
    fronts,
    registry,
    alerts,
    countReload: metrics.countReload,
    log,
  });
  await alerts.use(config.alerts.webhookUrl);
  warnWithoutName(config, log);

  return {
    port,
    adminPort: admin.port,
    reload,
    async close() {
      await drain.run();
      await closers.closeAll(log);
      log.info('stopped');
    },
  };
}
