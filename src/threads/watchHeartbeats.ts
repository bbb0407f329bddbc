/** Notices a thread that hangs: its heartbeat stands still. Runs in main. */

const lookMs = 1_000;
/** Looks without a beat, not seconds: a machine that slept must not count as ten seconds of silence. */
const looksWithoutBeat = 10;

/**
 * @param threads how many there are
 * @param heartbeatOf a number that each living thread changes at least once a second
 */
export function watchHeartbeats(
  threads: number,
  heartbeatOf: (thread: number) => number,
  onHang: (thread: number) => void,
): { close(): void } {
  const seen = Array.from({ length: threads }, () => ({ beat: -1, missed: 0 }));
  const timer = setInterval(() => {
    for (const [thread, state] of seen.entries()) {
      const beat = heartbeatOf(thread);
      state.missed = beat === state.beat ? state.missed + 1 : 0;
      state.beat = beat;
      if (state.missed === looksWithoutBeat) onHang(thread);
    }
  }, lookMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
