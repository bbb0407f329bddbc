import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { createConsoleToken } from '#src/console/token.js';
import { createLogger } from '#src/logger/logger.js';
import { temporaryFolder } from '../keys/temporaryFolder.js';

async function openToken(t: TestContext) {
  const file = join(await temporaryFolder(t), 'console-token');
  const log = createLogger({ level: 'silent', thread: 'main' });
  const warnings: unknown[] = [];
  log.warn = ((facts: unknown) => warnings.push(facts)) as typeof log.warn;
  return { file, warnings, token: createConsoleToken(file, log) };
}

it('is written once, for the operator alone', async (t) => {
  const { file, token } = await openToken(t);
  await token.ensure();
  const text = readFileSync(file, 'utf8').trim();
  assert.match(text, /^[\w-]{43}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await token.ensure();
  assert.equal(readFileSync(file, 'utf8').trim(), text);
  assert.ok(await token.matches(text));
  for (const wrong of ['', 'x', text.slice(1), `${text}x`]) assert.ok(!(await token.matches(wrong)), wrong);
});

it('is the same for two that need it at the same moment', async (t) => {
  const { file, token } = await openToken(t);
  await Promise.all([token.ensure(), token.ensure(), token.ensure()]);
  assert.ok(await token.matches(readFileSync(file, 'utf8').trim()));
});

it('is another one once the file was deleted or replaced', async (t) => {
  const { file, token } = await openToken(t);
  await token.ensure();
  const first = readFileSync(file, 'utf8').trim();
  rmSync(file);
  assert.ok(!(await token.matches(first)));
  writeFileSync(file, `${'o'.repeat(32)}\n`, { mode: 0o600 });
  assert.ok(await token.matches('o'.repeat(32)));
});

it('refuses a file that says too little, and names the remedy', async (t) => {
  const { file, token } = await openToken(t);
  writeFileSync(file, '\n');
  await assert.rejects(token.matches(''), { message: /console-token.*at least 32 characters.*delete it/ });
});

it('warns once of a file that others can read', async (t) => {
  const { file, warnings, token } = await openToken(t);
  await token.ensure();
  assert.equal(warnings.length, 0);
  chmodSync(file, 0o644);
  await token.matches('a');
  await token.matches('b');
  assert.deepEqual(warnings, [{ file, remedy: `chmod 600 ${file}` }]);
});
