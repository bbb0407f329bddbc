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

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fxn-registry-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
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
  after(() => closeSync(descriptor));
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

/** Waits until `holds`; throws after 10 s with what it waited for. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 10) {
    if (holds()) return;
    await sleep(10);
  }
  throw new Error(`waited in vain until ${what}`);
}

export interface OpenedRegistry extends ContractRegistry {
  readonly failures: readonly string[];
  readonly reads: () => number;
}

/** A gateway registry with short intervals; closed when the tests of the file are over. */
export function openRegistry(
  options: { urls: readonly string[]; router: AddressText } & Partial<ContractRegistryOptions>,
): OpenedRegistry {
  const { urls, ...overrides } = options;
  const failures: string[] = [];
  let reads = 0;
  const { clock = systemClock } = overrides;
  const endpoints = createRpcEndpoints({
    urls,
    chainId: 84_532,
    callTimeoutMs: 1_000,
    headTimeoutMs: 300,
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
  after(() => registry.close());
  return { ...registry, failures, reads: () => reads };
}
