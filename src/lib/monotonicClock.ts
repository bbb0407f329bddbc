/**
 * A clock that all threads of the process read alike and that nobody can set: what limits and breakers go by. Unlike
 * `performance.now()` it has no origin of its own in each thread. Runs everywhere.
 */

/** Nanoseconds since some moment before the process; whole, exact to 4 ns within a year of uptime. */
export function monotonicNs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000_000 + nanoseconds;
}
