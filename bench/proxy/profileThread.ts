/**
 * Loaded into every thread of a node that is profiled, before anything else: profiles the thread for as long as the file
 * `<pid>.record` is there, and leaves the profile beside it. The threads that were idle all the time leave none.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

const orders = process.env['FXN_BENCH_ORDERS'];
const lookEveryMs = 100;
const sampleEveryUs = 500;

if (orders !== undefined) watch(orders);

function watch(folder: string): void {
  const order = join(folder, `${process.pid}.record`);
  let session: Session | undefined;
  setInterval(() => {
    const isWanted = existsSync(order);
    if (isWanted && session === undefined) {
      session = new Session();
      session.connect();
      session.post('Profiler.enable');
      session.post('Profiler.setSamplingInterval', { interval: sampleEveryUs });
      session.post('Profiler.start');
    }
    if (isWanted || session === undefined) return;
    const ended = session;
    session = undefined;
    ended.post('Profiler.stop', (error, result) => {
      ended.disconnect();
      const name = isMainThread ? 'main' : `thread-${threadId}`;
      if (error === null && isBusy(result.profile)) {
        writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(result.profile));
      }
    });
  }, lookEveryMs).unref();
}

/** Some in a hundred samples in which the thread did something. */
function isBusy({ nodes, samples = [] }: Profiler.Profile): boolean {
  const idle = new Set(
    nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  );
  return samples.filter((id) => !idle.has(id)).length > samples.length / 50;
}
