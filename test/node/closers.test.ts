import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLogger } from '#src/logger/logger.js';
import { Closers } from '#src/node/closers.js';

const log = createLogger({ level: 'silent', thread: 'test' });

it('closes in reverse, one after the other, also after one that fails, and each once', async () => {
  const closers = new Closers();
  const closed: string[] = [];
  closers.add(() => closed.push('first'));
  closers.add(() => {
    closed.push('second');
    throw new Error('cannot close');
  });
  closers.add(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    closed.push('third');
  });
  await closers.closeAll(log);
  await closers.closeAll(log);
  assert.deepEqual(closed, ['third', 'second', 'first']);
});
