import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NodeError } from '#src/errors/nodeError.js';
import { createLogger, type Logger, type LogLevel } from '#src/logger/logger.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

type Line = Record<string, unknown> & { err?: Record<string, unknown> };

async function createStand(test: TestContext, level: LogLevel = 'info') {
  const file = join(await temporaryFolder(test), 'log');
  const descriptor = openSync(file, 'a');
  test.after(() => closeSync(descriptor));
  const log: Logger = createLogger({ level, thread: 'front-0', descriptor });
  const text = (): string => readFileSync(file, 'utf8');
  const lines = (): Line[] =>
    text()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  return { log, text, lines };
}

const secret = 'hunter2-secret';

describe('a log line', () => {
  it('is one JSON object with level, time, thread and message, and is there when the call returns', async (test) => {
    const { log, text, lines } = await createStand(test);
    log.warn({ backend: 'b:1', attempt: 2 }, 'upstream\nrefused');
    assert.equal(text().split('\n').length, 2);
    const { time, ...line } = lines()[0]!;
    assert.deepEqual(line, {
      level: 'warn',
      thread: 'front-0',
      backend: 'b:1',
      attempt: 2,
      msg: 'upstream\nrefused',
    });
    assert.equal(new Date(String(time)).toISOString(), time);
  });

  it('below the level is not written, and the level can be changed', async (test) => {
    const { log, lines } = await createStand(test, 'warn');
    log.info('no');
    log.level = 'debug';
    log.debug('yes');
    assert.deepEqual(
      lines().map(({ msg }) => msg),
      ['yes'],
    );
  });

  for (const key of [
    'apiKey',
    'bearerToken',
    'password',
    'passphrase',
    'privateKey',
    'private_key',
    'redisUrl',
    'webhookUrl',
    'authorization',
    'cookie',
    'x-api-key',
    'x-signature',
    'signature-input',
    'signature',
  ]) {
    it(`does not show ${key}, down to the third level`, async (test) => {
      const { log, text, lines } = await createStand(test);
      const holder = { [key]: secret, shown: 'yes' };
      log.info({ ...holder, a: { ...holder, b: { ...holder, c: holder } } }, 'text');
      assert.ok(!text().includes(secret), text());
      assert.equal(text().match(/\[redacted\]/g)?.length, 4);
      assert.deepEqual(lines()[0]?.['a'], {
        [key]: '[redacted]',
        shown: 'yes',
        b: { [key]: '[redacted]', shown: 'yes', c: { [key]: '[redacted]', shown: 'yes' } },
      });
    });
  }

  it('leaves the object that it was given as it was', async (test) => {
    const { log } = await createStand(test);
    const backend = Object.freeze({ url: 'http://b', apiKey: secret });
    log.info({ backend }, 'text');
    assert.equal(backend.apiKey, secret);
  });

  it('of an error holds its code, meta and causes, without the secrets in its meta', async (test) => {
    const { log, text, lines } = await createStand(test);
    const cause = new Error('connect ECONNREFUSED');
    log.error(
      { err: new NodeError('upstream_unreachable', { meta: { attempt: 2, apiKey: secret }, cause }) },
      'text',
    );
    const err = lines()[0]?.err;
    assert.equal(err?.['code'], 'upstream_unreachable');
    assert.deepEqual(err?.['meta'], { attempt: 2, apiKey: '[redacted]' });
    assert.equal(err?.['cause'], 'connect ECONNREFUSED');
    assert.equal(err?.['message'], 'The model backend could not be reached.');
    assert.equal(err?.['stack'], undefined, 'where a refusal was thrown is of no interest');
    assert.ok(!text().includes(secret));
  });

  it('of something thrown that is no error holds it as it is', async (test) => {
    const { log, lines } = await createStand(test);
    log.error({ err: 'a text' }, 'text');
    log.error({ err: undefined }, 'text');
    assert.equal(lines()[0]?.err, 'a text');
    assert.equal(lines().length, 2);
  });
});
