/**
 * Reading a file that an operator named and that should be small. A device, a pipe or a huge file by that name
 * is refused instead of hanging the start or filling memory. Symbolic links are followed: secret mounts are
 * made of them. Runs in main and the command line.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { keyFileError } from './keyFileError.js';

export interface SmallFile {
  /** Decoded as UTF-8. */
  readonly text: string;
  /** Whether the group or everybody has any right on it. Never claimed on Windows, which has no such bits. */
  readonly isOpenToOthers: boolean;
}

const maxFileBytes = 64 * 1024;

/** Throws `key_file` without the name of the file. */
export async function readSmallFile(path: string): Promise<SmallFile> {
  const file = await openForReading(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw keyFileError('unreadable', 'this is not a regular file');
    const bytes = await readBounded(file);
    return {
      text: bytes.toString('utf8'),
      isOpenToOthers: process.platform !== 'win32' && (stat.mode & 0o077) !== 0,
    };
  } finally {
    await file.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to never returns.
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (thrown) {
    const code = systemErrorCode(thrown) ?? 'unknown error';
    if (code === 'ENOENT') throw keyFileError('missing', 'there is no such file', thrown);
    throw keyFileError('unreadable', `the file cannot be opened (${code})`, thrown);
  }
}

/** Counts what is read rather than trusting the size, since the file may grow meanwhile. */
async function readBounded(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(maxFileBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (length > maxFileBytes)
      throw keyFileError('too_large', `the file is larger than ${maxFileBytes} bytes`);
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}
