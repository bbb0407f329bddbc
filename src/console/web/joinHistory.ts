/** The rows that the page has and those that came since. Pure; runs in the browser. */
import type { Column, HistoryDocument } from '../statusDocument.js';

/** Ten minutes, as the node keeps them. */
const mostRows = 600;

export function joinHistory(before: HistoryDocument | undefined, fresh: HistoryDocument): HistoryDocument {
  const lastMs = before?.atMs.at(-1) ?? 0;
  // Rows from before a restart, or before the clock was set back, belong to another time.
  if (before === undefined || (fresh.atMs[0] ?? lastMs + 1) <= lastMs) return fresh;
  const length = before.atMs.length;
  const join = (left: Column, right: Column): Column => [...left, ...right].slice(-mostRows);
  const blank = (rows: number): Column => new Array<null>(rows).fill(null);
  const indexes = new Set([...before.gpus, ...fresh.gpus].map(({ index }) => index));
  const gpus = [...indexes].map((index) => {
    const left = before.gpus.find((gpu) => gpu.index === index);
    const right = fresh.gpus.find((gpu) => gpu.index === index);
    const column = (name: 'utilizationPercent' | 'memoryUsedMiB'): Column =>
      join(left?.[name] ?? blank(length), right?.[name] ?? blank(fresh.atMs.length));
    return {
      index,
      utilizationPercent: column('utilizationPercent'),
      memoryUsedMiB: column('memoryUsedMiB'),
    };
  });
  return {
    intervalMs: fresh.intervalMs,
    atMs: [...before.atMs, ...fresh.atMs].slice(-mostRows),
    requestsPerSecond: join(before.requestsPerSecond, fresh.requestsPerSecond),
    errorsPerSecond: join(before.errorsPerSecond, fresh.errorsPerSecond),
    inputTokensPerSecond: join(before.inputTokensPerSecond, fresh.inputTokensPerSecond),
    outputTokensPerSecond: join(before.outputTokensPerSecond, fresh.outputTokensPerSecond),
    inFlight: join(before.inFlight, fresh.inFlight),
    openStreams: join(before.openStreams, fresh.openStreams),
    queued: join(before.queued, fresh.queued),
    durationP50Ms: join(before.durationP50Ms, fresh.durationP50Ms),
    durationP95Ms: join(before.durationP95Ms, fresh.durationP95Ms),
    firstTokenP50Ms: join(before.firstTokenP50Ms, fresh.firstTokenP50Ms),
    firstTokenP95Ms: join(before.firstTokenP95Ms, fresh.firstTokenP95Ms),
    cpuPercent: join(before.cpuPercent, fresh.cpuPercent),
    gpus,
  };
}
