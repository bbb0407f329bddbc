/**
 * Which process listens on a TCP port, by what Linux tells: the socket's inode in `/proc/net/tcp`, then the process that
 * has it open. Processes of other users cannot be looked into without rights. Runs in the command line.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface PortHolder {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
}

/** State of a socket that listens, in the table of the kernel. */
const listening = '0A';

/** `undefined` where it cannot be told. */
export function portHolder(port: number): PortHolder | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkAt(`/proc/${pid}/fd/${descriptor}`)) ?? [];
      if (inode === undefined || !inodes.has(inode)) continue;
      return { pid: Number(pid), name: textOf(`/proc/${pid}/comm`).trim() };
    }
  }
  return undefined;
}

function listeningInodes(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return textOf(`/proc/net/${table}`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === listening && (local?.endsWith(wanted) ?? false))
    .flatMap((columns) => columns[9] ?? []);
}

/** A process may end, or belong to somebody else, at any moment: then there is nothing to see. */
function quietly<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const namesIn = (folder: string): string[] => quietly(() => readdirSync(folder), []);
const textOf = (file: string): string => quietly(() => readFileSync(file, 'utf8'), '');
const linkAt = (path: string): string => quietly(() => readlinkSync(path), '');
