import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openWebhook, type PostOutcome, type Webhook, type WebhookTimes } from '#src/alerts/webhook.js';
import { eventually } from '../support/bypassNode.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhookReceiver.js';

const secret = 's3cr3tT0ken';
const patient: WebhookTimes = { deadlineMs: 5_000, firstPauseMs: 5, longestPauseMs: 20, keepMs: 60_000 };

describe('the webhook', () => {
  let receiver: WebhookReceiver;
  let webhook: Webhook | undefined;
  let outcomes: PostOutcome[];
  let log: string[];
  beforeEach(async () => {
    receiver = await startWebhookReceiver();
    outcomes = [];
    log = [];
  });
  afterEach(async () => {
    await webhook?.close();
    webhook = undefined;
    await receiver.stop();
    assert.doesNotMatch(log.join('\n'), new RegExp(secret));
  });

  const open = (times: Partial<WebhookTimes> = {}): Webhook => {
    const line = (level: string) => (fields: object, message?: string) =>
      void log.push(`${level} ${JSON.stringify(fields)} ${message}`);
    webhook = openWebhook({
      url: `http://user:${secret}@127.0.0.1:${receiver.port}/services/${secret}?token=${secret}`,
      log: { warn: line('warn'), info: line('info'), debug: line('debug') } as never,
      count: (outcome) => outcomes.push(outcome),
      times: { ...patient, ...times },
    });
    return webhook;
  };
  const numbers = (): unknown[] => receiver.posts.map(({ body }) => body['n']);
  const post = (n: number): void => webhook?.post(JSON.stringify({ n }));
  const untilCounted = (wanted: number) =>
    eventually(
      () => outcomes.length,
      (count) => count >= wanted,
    );

  it('gets JSON in the order in which it was posted, with the credentials of its URL', async () => {
    open();
    for (const n of [1, 2, 3]) post(n);
    await untilCounted(3);
    assert.deepEqual(numbers(), [1, 2, 3]);
    assert.deepEqual(outcomes, ['sent', 'sent', 'sent']);
    const [{ path, headers }] = receiver.posts as [(typeof receiver.posts)[0]];
    assert.equal(path, `/services/${secret}?token=${secret}`);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.authorization, `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`);
    assert.deepEqual(log, []);
  });

  it('gets everything once it is back, and the log has one line for each change', async () => {
    await receiver.stop();
    open();
    for (const n of [1, 2]) post(n);
    await eventually(
      () => log.length,
      (lines) => lines >= 4,
    );
    assert.deepEqual(outcomes, []);
    await receiver.open();
    await untilCounted(2);
    assert.deepEqual(numbers(), [1, 2]);
    assert.deepEqual(outcomes, ['sent', 'sent']);
    const told = log.filter((line) => !line.startsWith('debug'));
    assert.equal(told.length, 2);
    assert.match(told[0]!, /^warn .*"reason":"ECONNREFUSED".* the webhook takes no alerts$/);
    assert.match(told[1]!, /^info .* the webhook takes alerts again$/);
  });

  it('is asked again when it is too slow, and does not hold up the end', async () => {
    let asked = 0;
    receiver.answer = (response) => {
      // Silent the first time, and then in the middle of an answer that has no end.
      if (++asked > 1) response.writeHead(200).write('o');
    };
    open({ deadlineMs: 50 });
    post(1);
    await untilCounted(1);
    assert.deepEqual(numbers(), [1, 1]);
    assert.deepEqual(outcomes, ['sent']);
    assert.match(log[0]!, /"reason":"timeout"/);
    receiver.answer = () => undefined;
    open({ deadlineMs: 60_000 });
    post(2);
    await eventually(
      () => receiver.posts.length,
      (count) => count === 3,
    );
    await webhook?.close();
    assert.deepEqual(outcomes, ['sent', 'dropped']);
    assert.match(log.at(-1)!, /^warn .*"dropped":1.* alerts were not delivered$/);
  });

  it('is asked again after 429 and 5xx, and never with what it refuses', async () => {
    const statuses = [429, 500, 503, 200, 404, 302, 204];
    receiver.answer = (response) =>
      void response.writeHead(statuses[receiver.posts.length - 1] ?? 500, { location: '/elsewhere' }).end();
    open();
    for (const n of [1, 2, 3, 4]) post(n);
    await untilCounted(4);
    assert.deepEqual(numbers(), [1, 1, 1, 1, 2, 3, 4]);
    assert.deepEqual(outcomes, ['sent', 'failed', 'failed', 'sent']);
  });

  it('is not asked any more with what is too old', async () => {
    await receiver.stop();
    open({ keepMs: 0 });
    post(1);
    await untilCounted(1);
    assert.deepEqual(outcomes, ['failed']);
  });

  it('loses the oldest of more than 64 that wait', async () => {
    await receiver.stop();
    open({ firstPauseMs: 60_000, longestPauseMs: 60_000 });
    for (let n = 1; n <= 70; n++) post(n);
    assert.deepEqual(outcomes, Array<PostOutcome>(6).fill('dropped'));
    await webhook?.close();
    assert.deepEqual(outcomes, Array<PostOutcome>(70).fill('dropped'));
    post(71);
    assert.equal(outcomes.length, 70);
  });
});
