/**
 * Writing a file so that a crash or a second writer never leaves half of it: the bytes go to a temporary file
 * in the same folder, are forced to disk, and only then get their name. `writeFileAtomic` replaces what has the
 * name (a symbolic link is replaced, not followed); `createFileExclusive` gives the name only when nothing has
 * it, not even a dangling link. The mode is exact whatever the umask. System errors (`EACCES`, `ENOSPC`, …) are
 * thrown as Node throws them. Runs everywhere; the `…Sync` form is for start-up.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode } from './systemErrorCode.js';

export interface AtomicFileOptions {
  /** Permission bits, for example `0o600`. */
  readonly mode: number;
}

export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, data, options.mode);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
}

/** False, and nothing changed, when the name is taken. */
export async function createFileExclusive(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, data, options.mode);
    // Unlike rename(2), link(2) fails when the new name exists, in one step that no other writer can get between.
    await link(temporary, path);
  } catch (thrown) {
    if (isTaken(thrown)) return false;
    throw thrown;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
}

/** False, and nothing changed, when the name is taken. */
export function createFileExclusiveSync(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): boolean {
  const temporary = temporaryName(path);
  try {
    writeDurablySync(temporary, data, options.mode);
    fs.linkSync(temporary, path);
  } catch (thrown) {
    if (isTaken(thrown)) return false;
    throw thrown;
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  syncFolderSync(dirname(path));
  return true;
}

/** Hidden, so that whoever lists the folder while a write is under way can skip it by its first character. */
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
}

function isTaken(thrown: unknown): boolean {
  return systemErrorCode(thrown) === 'EEXIST';
}

async function writeDurably(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  // Opened for the owner alone: the wider mode, if any, comes after the bytes are complete.
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(data);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

function writeDurablySync(path: string, data: string | Uint8Array, mode: number): void {
  const descriptor = fs.openSync(path, 'wx', 0o600);
  try {
    fs.writeFileSync(descriptor, data);
    fs.fchmodSync(descriptor, mode);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

// A new name is only on disk once its folder is; Windows can neither open nor needs to sync a folder.
const foldersCanSync = process.platform !== 'win32';

async function syncFolder(path: string): Promise<void> {
  if (!foldersCanSync) return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function syncFolderSync(path: string): void {
  if (!foldersCanSync) return;
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
