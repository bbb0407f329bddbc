/**
 * The token that opens the console: 256 random bits in the file `console-token` of the home folder, readable by the
 * operator alone and written when it is first needed. Whoever can read the file runs the node. It is read anew each
 * time, so that a file that was replaced or deleted counts at once. Runs in main.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createFileExclusive } from '../lib/atomicFile.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import type { Logger } from '../logger/logger.js';

export interface ConsoleToken {
  /** Writes the file unless it is there. */
  ensure(): Promise<void>;
  /** @throws Error when the file cannot be used; the message names it and the remedy */
  matches(candidate: string): Promise<boolean>;
}

const tokenBytes = 32;
/** An operator may put a token of their own there; a shorter one could be guessed. */
const leastCharacters = 32;
const mostFileBytes = 4_096;

export function createConsoleToken(file: string, log: Logger): ConsoleToken {
  let hasWarned = false;

  const read = async (): Promise<string | undefined> => {
    const handle = await openIfThere(file);
    if (handle === undefined) return undefined;
    try {
      const stat = await handle.stat();
      const isUsable = stat.isFile() && stat.size <= mostFileBytes;
      const text = isUsable ? (await handle.readFile('utf8')).trim() : '';
      if (text.length < leastCharacters) {
        throw new Error(
          `${file}: expected at least ${leastCharacters} characters in a regular file; delete it to have a new one written`,
        );
      }
      if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0 && !hasWarned) {
        hasWarned = true;
        log.warn({ file, remedy: `chmod 600 ${file}` }, 'others on this machine can read the console token');
      }
      return text;
    } finally {
      await handle.close();
    }
  };

  const ensure = async (): Promise<string> => {
    const present = await read();
    if (present !== undefined) return present;
    const made = await createFileExclusive(file, `${randomBytes(tokenBytes).toString('base64url')}\n`, {
      mode: 0o600,
    });
    if (made) log.info({ file }, 'wrote the token that opens the console');
    const written = await read();
    if (written === undefined) throw new Error(`${file}: deleted while it was written`);
    return written;
  };

  return {
    async ensure() {
      await ensure();
    },
    async matches(candidate) {
      return timingSafeEqual(digest(candidate), digest(await ensure()));
    },
  };
}

/** Equal lengths for the comparison, whatever was sent. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

async function openIfThere(file: string) {
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to never returns.
    return await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}
