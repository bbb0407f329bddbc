/**
 * The last good snapshot of a registry on disk, so that a node restarted while every RPC endpoint is down still
 * knows its callers until `maxStaleness`: its age counts from the read that made it, never from its loading.
 * A file that is damaged or was made for another chain, Router or confirmation depth is ignored, with the
 * reason. Runs in the registry thread.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RegistryEntry } from '../contracts/registryKinds.js';
import { writeFileAtomic } from '../lib/atomicFile.js';
import type { RegistryBlock } from './registrySnapshot.js';

const version = 1;

/** What a snapshot was made for; all of it must match. */
export interface SnapshotOrigin {
  readonly registry: 'gateway' | 'provider';
  readonly chainId: number;
  /** Lower-case `0x` text. */
  readonly router: string;
  readonly confirmations: number;
}

export interface DiskSnapshot extends RegistryBlock {
  /** Unix ms at which the read began. */
  readonly readAtMs: number;
  readonly registryAddress: `0x${string}`;
  readonly entries: readonly RegistryEntry[];
}

interface FileBody extends SnapshotOrigin, DiskSnapshot {
  readonly version: number;
}

const checksum = (body: unknown): string => createHash('sha256').update(JSON.stringify(body)).digest('hex');

export async function saveDiskSnapshot(
  path: string,
  origin: SnapshotOrigin,
  snapshot: DiskSnapshot,
): Promise<void> {
  const body: FileBody = { version, ...origin, ...snapshot };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify({ checksum: checksum(body), body }), { mode: 0o600 });
}

export type LoadedSnapshot =
  | { readonly snapshot: DiskSnapshot }
  | { readonly ignored: 'absent' | 'unreadable' | 'damaged' | 'made for other settings' };

/** Synchronous: it runs once, before the thread does anything else. */
export function loadDiskSnapshot(path: string, origin: SnapshotOrigin): LoadedSnapshot {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    const isAbsent = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    return { ignored: isAbsent ? 'absent' : 'unreadable' };
  }
  const body = verifiedBody(text);
  if (body === undefined || body.version !== version) return { ignored: 'damaged' };
  const isOurs =
    body.registry === origin.registry &&
    body.chainId === origin.chainId &&
    body.router === origin.router &&
    body.confirmations === origin.confirmations;
  return isOurs ? { snapshot: body } : { ignored: 'made for other settings' };
}

/** The checksum stands for the shape too: only `saveDiskSnapshot` writes a matching one. */
function verifiedBody(text: string): FileBody | undefined {
  try {
    const file: unknown = JSON.parse(text);
    if (typeof file !== 'object' || file === null || !('checksum' in file && 'body' in file))
      return undefined;
    return file.checksum === checksum(file.body) ? (file.body as FileBody) : undefined;
  } catch {
    return undefined;
  }
}
