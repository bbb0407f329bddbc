/** What a process holds, as the kernel counts it: open descriptors and resident memory. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

const pageBytes = 4_096;

/** Descriptors of all kinds: sockets, files, and what the event loops need. */
export const openDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

export function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return Number(pages) * pageBytes;
}
