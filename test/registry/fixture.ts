/** What the registry tests share: folders that go away, loggers that can be read, one way to open a registry. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayKind } from '#src/contracts/registryKinds.js';
import { createRpcEndpoints } from '#src/contracts/rpcEndpoints.js';
import { type AddressText, addressBytes } from '#src/lib/address.js';
import { addressWords } from '#src/lib/addressWords.js';
import { systemClock } from '#src/lib/clock.js';
import { createLogger, type Logger } from '#src/logger/logger.js';
import {
  type ContractRegistry,
  type ContractRegistryOptions,
  startContractRegistry,
} from '#src/registry/contractRegistry.js';
import { createRegistryCell } from '#src/registry/registrySnapshot.js';

/** In order of opening: what was opened last is closed first, for a registry saves to its folder when it closes. */
const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fxn-registry-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger and what it has written. */
export function recordingLogger(): { log: Logger; text(): string; lines(): LogLine[] } {
  const path = join(temporaryFolder(), 'log');
  const descriptor = openSync(path, 'a');
  closers.push(() => closeSync(descriptor));
  const text = (): string => readFileSync(path, 'utf8');
  return {
    log: createLogger({ level: 'debug', thread: 'registry', descriptor }),
    text,
    lines: () =>
      text()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogLine),
  };
}

export const wordsOf = (address: AddressText): Int32Array => addressWords(addressBytes(address));

/** Far above what a busy machine needs. */
const patienceMs = 60_000;

/** Waits until `holds`; in vain it throws with what it waited for. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if (holds()) return;
    await sleep(10);
  }
  throw new Error(`waited in vain until ${what}`);
}

export interface OpenedRegistry extends ContractRegistry {
  readonly failures: readonly string[];
  readonly reads: () => number;
}

export interface OpenRegistryOptions extends Partial<ContractRegistryOptions> {
  readonly urls: readonly string[];
  readonly router: AddressText;
  /** For an endpoint that hangs; generous unless told, because a busy machine hangs too. */
  readonly timeoutMs?: number;
}

/** A gateway registry that reads when it is told to; closed when the tests of the file are over. */
export function openRegistry(options: OpenRegistryOptions): OpenedRegistry {
  const { urls, timeoutMs = patienceMs, ...overrides } = options;
  const failures: string[] = [];
  let reads = 0;
  const { clock = systemClock } = overrides;
  const endpoints = createRpcEndpoints({
    urls,
    chainId: 84_532,
    callTimeoutMs: timeoutMs,
    headTimeoutMs: timeoutMs,
    clock,
  });
  const registry = startContractRegistry({
    kind: gatewayKind,
    endpoints,
    confirmations: 0,
    pollIntervalMs: 600_000,
    maxStalenessMs: 1_800_000,
    cell: createRegistryCell(64),
    snapshotsFolder: temporaryFolder(),
    clock,
    log: createLogger({ level: 'silent', thread: 'registry' }),
    onRead(outcome) {
      if ('failure' in outcome) failures.push(outcome.failure);
      else reads++;
    },
    ...overrides,
  });
  closers.push(() => registry.close());
  return { ...registry, failures, reads: () => reads };
}
