/** What a process holds, as the kernel counts it: open descriptors and resident memory. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const pageBytes = 4_096;

/**
 * Descriptors of all kinds: sockets, files, and what the event loops need, but for the one to /dev/null that each loop
 * opens with its first stream and keeps.
 */
export function openDescriptors(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`) !== '/dev/null';
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}

export function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return Number(pages) * pageBytes;
}
