/**
 * One registry contract kept current: polled, published to its shared cell, kept on disk, and reported. Opening
 * it over a cell that already holds a snapshot, as a restarted thread does, goes on where that one ended.
 * Runs in the registry thread, the cell's only writer.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type ChainFailureKind, chainFailureKind } from '../contracts/chainFailure.js';
import { believedTimestampS } from '../contracts/headEvidence.js';
import { type HeadFloor, type RegistryRead, readRegistry } from '../contracts/readRegistry.js';
import type { RegistryEntry, RegistryKind } from '../contracts/registryKinds.js';
import type { RpcEndpoints } from '../contracts/rpcEndpoints.js';
import type { ErrorCodeName } from '../errors/codes.js';
import { NodeError, toNodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import { type IndexedAddress, namedByActive, namedByPaused } from '../shm/addressIndex.js';
import { openCellWriter } from '../shm/snapshotCell.js';
import { type CachedRegistryOptions, type ReadOutcome, startCachedRegistry } from './cachedRegistry.js';
import { type DiskSnapshot, loadDiskSnapshot, saveDiskSnapshot } from './diskSnapshot.js';
import { gatewaySigners, providerSigners } from './gatewayIdentity.js';
import { encodeRegistrySnapshot } from './registrySnapshot.js';
import { maxClockStepMs, openRegistryView, type RegistryView } from './registryView.js';

/** Why a read failed, as metric label. */
export type RefreshFailureKind = ChainFailureKind | 'snapshot_overflow' | 'internal';

export interface ContractRegistryOptions {
  readonly kind: RegistryKind;
  readonly endpoints: RpcEndpoints;
  readonly router: AddressText;
  /** Blocks before an addition counts. */
  readonly confirmations: number;
  readonly pollIntervalMs: number;
  readonly maxStalenessMs: number;
  readonly cell: SharedArrayBuffer;
  /** Holds `<registry>.json`; made when absent. */
  readonly snapshotsFolder: string;
  readonly clock: Clock;
  /** Says on every line which registry it is about. */
  readonly log: Logger;
  /** After every read, good or not. */
  onRead(outcome: { readonly durationMs: number } | { readonly failure: RefreshFailureKind }): void;
  /** For tests; see `startCachedRegistry`. */
  readonly setTimer?: CachedRegistryOptions<unknown>['setTimer'];
}

export interface RegistryStatus {
  readonly isFresh: boolean;
  readonly ageMs: number | null;
  readonly entries: number | null;
  /** Unpaused entries that wait for confirmations; null before this process's first read. */
  readonly pendingEntries: number | null;
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
  /** Unix seconds. */
  readonly blockTimestampS: number | null;
  /** Where the Router says the contract is; null before the first read. */
  readonly address: string | null;
  /** Why the last read failed; null after a good one. Holds no URL. */
  readonly lastError: {
    readonly code: ErrorCodeName;
    readonly kind: RefreshFailureKind;
    readonly message: string;
  } | null;
}

export interface ContractRegistry {
  readonly view: RegistryView;
  status(): RegistryStatus;
  /** Reads now; never rejects. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const signersOf = { gateway: gatewaySigners, provider: providerSigners } as const;

export function startContractRegistry(options: ContractRegistryOptions): ContractRegistry {
  const { kind, endpoints, router, confirmations, maxStalenessMs, cell, clock, log } = options;
  const path = join(options.snapshotsFolder, `${kind.name}.json`);
  const origin = { registry: kind.name, chainId: endpoints.chainId, router, confirmations };
  const writer = openCellWriter(cell);
  const view = openRegistryView({ cell, maxStalenessMs, clock });
  const remedy = `if the chain itself was reset, stop the node, delete ${path} and start it again.`;
  let savedContent: string | undefined;
  let savedAtMs = 0;
  let registry: `0x${string}` | undefined;

  const publish = (snapshot: DiskSnapshot): void => {
    const { entries, blockNumber, blockHash, blockTimestampS } = snapshot;
    const addresses = indexedAddresses(kind, entries);
    const bytes = encodeRegistrySnapshot({
      blockNumber,
      blockHash,
      blockTimestampS,
      entries: entries.length,
      addresses,
    });
    writer.publish(bytes, snapshot.readAtMs);
  };

  const loadFromDisk = (): void => {
    const loaded = loadDiskSnapshot(path, origin);
    if ('ignored' in loaded) {
      if (loaded.ignored === 'absent') log.debug({ path }, 'no snapshot on disk');
      else log.warn({ path, reason: loaded.ignored }, 'snapshot on disk ignored');
      return;
    }
    const { snapshot } = loaded;
    const ageMs = clock.nowMs() - snapshot.readAtMs;
    const cellAgeMs = view.ageMs();
    // What an earlier thread of this process published is at least as recent as what it saved.
    if (cellAgeMs !== null && cellAgeMs <= ageMs) return;
    if (ageMs < -maxClockStepMs) {
      log.warn({ path, reason: 'read in the future' }, 'snapshot on disk ignored');
      return;
    }
    try {
      publish(snapshot);
    } catch (err) {
      log.warn({ path, err }, 'snapshot on disk ignored');
      return;
    }
    registry = snapshot.registryAddress;
    savedAtMs = snapshot.readAtMs;
    savedContent = digest(snapshot.entries);
    log.info(
      { ageMs, block: snapshot.blockNumber, entries: snapshot.entries.length },
      'snapshot on disk loaded',
    );
  };

  /** Every change is saved at once; an unchanged list often enough that a restart loses a tenth of its life. */
  const save = async (snapshot: DiskSnapshot, whenDue: 'if due' | 'always'): Promise<void> => {
    const content = digest(snapshot.entries);
    const isDue = content !== savedContent || snapshot.readAtMs - savedAtMs >= maxStalenessMs / 10;
    if ((whenDue === 'if due' && !isDue) || snapshot.readAtMs === savedAtMs) return;
    try {
      await saveDiskSnapshot(path, origin, snapshot);
      savedContent = content;
      savedAtMs = snapshot.readAtMs;
    } catch (err) {
      log.warn({ path, err }, 'snapshot not saved: a restart during an RPC outage would know no callers');
    }
  };

  const snapshotOf = (read: RegistryRead, readAtMs: number): DiskSnapshot => ({
    readAtMs,
    registryAddress: read.registry,
    blockNumber: read.block.number,
    blockHash: read.block.hash,
    blockTimestampS: read.block.timestampS,
    entries: read.entries,
  });

  const floorNow = (): HeadFloor | undefined => {
    const seen = view.snapshot();
    if (seen === undefined) return undefined;
    const readAtMs = clock.nowMs() - (view.ageMs() ?? 0);
    return {
      number: seen.blockNumber,
      timestampS: believedTimestampS(seen.blockTimestampS, readAtMs),
      remedy,
    };
  };

  const report = outcomeReporter(log, options.onRead, () => view.snapshot() !== undefined);

  loadFromDisk();
  const cached = startCachedRegistry<RegistryRead>({
    clock,
    pollIntervalMs: options.pollIntervalMs,
    ...(options.setTimer === undefined ? {} : { setTimer: options.setTimer }),
    fetch() {
      const floor = floorNow();
      return readRegistry({ endpoints, router, kind, confirmations, floor, expectedRegistry: registry });
    },
    async store(read, readAtMs) {
      const snapshot = snapshotOf(read, readAtMs);
      const before = view.snapshot()?.blockNumber;
      publish(snapshot);
      if (before !== undefined && read.block.number < before) {
        log.warn(
          { before, now: read.block.number },
          'the chain went back, or an RPC endpoint had claimed a block that does not exist',
        );
      }
      if (registry !== undefined && registry !== read.registry) {
        log.warn({ before: registry, now: read.registry }, 'the Router names another registry contract');
      }
      registry = read.registry;
      await save(snapshot, 'if due');
    },
    onOutcome: report,
  });

  return {
    view,
    status() {
      const snapshot = view.snapshot();
      const error = cached.lastError();
      return {
        isFresh: view.isFresh(),
        ageMs: view.ageMs(),
        entries: snapshot?.entries ?? null,
        pendingEntries: cached.lastGood()?.value.pendingEntries ?? null,
        blockNumber: snapshot?.blockNumber ?? null,
        blockHash: snapshot?.blockHash ?? null,
        blockTimestampS: snapshot?.blockTimestampS ?? null,
        address: registry ?? null,
        lastError: error === undefined ? null : describe(error),
      };
    },
    refresh: cached.refresh,
    async close() {
      await cached.close();
      const last = cached.lastGood();
      if (last !== undefined) await save(snapshotOf(last.value, last.readAtMs), 'always');
    },
  };
}

function* indexedAddresses(
  kind: RegistryKind,
  entries: readonly RegistryEntry[],
): Generator<IndexedAddress, void> {
  const signers = signersOf[kind.name];
  for (const entry of entries) {
    const flags = entry.paused ? namedByPaused : namedByActive;
    for (const address of signers(entry)) yield { address, flags };
  }
}

const digest = (entries: readonly RegistryEntry[]): string =>
  createHash('sha256').update(JSON.stringify(entries)).digest('base64');

function refreshFailureKind(error: unknown): RefreshFailureKind {
  if (error instanceof NodeError && error.code === 'snapshot_overflow') return 'snapshot_overflow';
  return chainFailureKind(error) ?? 'internal';
}

function describe(error: unknown): RegistryStatus['lastError'] {
  const { code, message } = toNodeError(error);
  return { code, kind: refreshFailureKind(error), message };
}

/** Tells the operator when reading starts to fail, fails differently, or works again; the rest is for us. */
function outcomeReporter(
  log: Logger,
  onRead: ContractRegistryOptions['onRead'],
  hasSnapshot: () => boolean,
): (outcome: ReadOutcome) => void {
  let failing: RefreshFailureKind | 'never read' | undefined = 'never read';
  return (outcome) => {
    if (outcome.ok) {
      const durationMs = Math.round(outcome.durationMs);
      if (failing === undefined) log.debug({ durationMs }, 'registry read');
      else log.info({ durationMs, before: failing }, 'registry read');
      failing = undefined;
      onRead({ durationMs: outcome.durationMs });
      return;
    }
    const failure = refreshFailureKind(outcome.error);
    const { error: err, attempt, nextInMs } = outcome;
    if (failure === failing) log.debug({ err, failure, attempt, nextInMs }, 'registry not read');
    else {
      const consequence = hasSnapshot()
        ? 'the last snapshot stays in use'
        : 'there is no earlier snapshot to use';
      log.warn({ err, failure, attempt, nextInMs }, `registry not read; ${consequence}`);
    }
    failing = failure;
    onRead({ failure });
  };
}
