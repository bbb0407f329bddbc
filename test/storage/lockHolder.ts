/**
 * A process that takes a home lock: `node lockHolder.js FILE AT_MS`. It waits for the given time, so that
 * several start together, prints `held` or the error's code, and keeps what it has until its input ends.
 */
import { NodeError } from '#src/errors/nodeError.js';
import { lockHome } from '#src/storage/homeLock.js';

const [file = '', atMs = '0'] = process.argv.slice(2);
while (Date.now() < Number(atMs));
try {
  const lock = lockHome(file);
  console.log('held');
  process.stdin.on('end', () => {
    lock.release();
    console.log('released');
  });
} catch (thrown) {
  console.log(thrown instanceof NodeError ? thrown.code : String(thrown));
}
process.stdin.resume();
