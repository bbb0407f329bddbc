/** The registry thread, started and started again. Runs in main. */
import type { Config } from '../config/config.js';
import type { SharedMemory } from '../front/sharedMemory.js';
import type { AddressText } from '../lib/address.js';
import type { LogLevel } from '../logger/logger.js';
import type { ThreadNumbers } from '../metrics/threadNumbers.js';
import type {
  RegistryThreadData,
  RegistryThreadMethods,
  RegistryThreadStatus,
} from '../registry/registryThread.js';
import { startSupervisedThread } from '../threads/supervisedThread.js';
import type { WarmThread } from '../threads/warmThread.js';
import type { MeasuredThread } from './mainMetrics.js';
import type { ThreadFailures } from './threadFailures.js';
import { threadReplyMs } from './threadReply.js';

export interface RegistryOptions {
  readonly config: Config;
  readonly memory: Pick<SharedMemory, 'gatewayCell' | 'providerCell'>;
  /** Whose registration is watched. */
  readonly owner: AddressText;
  readonly snapshotsFolder: string;
  /** As it is in force. */
  readonly logLevel: () => LogLevel;
  readonly warm: WarmThread | undefined;
  readonly failures: ThreadFailures;
  readonly threadNumbers: ThreadNumbers;
}

export interface Registry extends MeasuredThread {
  /** `undefined` while the thread does not answer, which is a reason, not an error: it may just be replaced. */
  status(): Promise<RegistryThreadStatus | undefined>;
  setLogLevel(level: LogLevel): Promise<void>;
  /** Has the snapshots saved. */
  close(): Promise<void>;
}

const name = 'registry';

export function startRegistry(options: RegistryOptions): Registry {
  const { config, memory, owner, snapshotsFolder, logLevel, warm, failures, threadNumbers } = options;
  const thread = startSupervisedThread<RegistryThreadMethods, Record<never, never>>({
    entry: new URL(import.meta.resolve('#workers/registry.js')),
    name,
    warm,
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
      snapshotsFolder,
      logLevel: logLevel(),
      gatewayCell: memory.gatewayCell,
      providerCell: memory.providerCell,
    }),
    methods: {},
    onFailure(failure) {
      threadNumbers.end(name);
      failures.count(name, failure);
    },
    onGiveUp: () => failures.giveUp(name),
  });
  return {
    name,
    collectMetrics: () => thread.calls.call('collectMetrics', undefined, threadReplyMs),
    status: () => thread.calls.call('status', undefined, threadReplyMs).catch(() => undefined),
    setLogLevel: (level) => thread.calls.call('setLogLevel', level),
    async close() {
      const ended = thread.ended();
      await thread.calls.call('close', undefined, threadReplyMs);
      await ended;
    },
  };
}
