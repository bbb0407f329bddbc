/** The bound on bodies that are held at once, on a real uWS server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BodyBudget } from '#src/http/bodyBudget.js';
import { reservePort } from '#src/http/reservePort.js';
import { createHttpServer, type HttpServer } from '#src/http/server.js';
import { openRaw, requestHead } from '../support/rawConnection.js';

describe('the budget of received bodies', () => {
  const budget = new BodyBudget(1_000);
  let server: HttpServer;
  let port: number;

  before(async () => {
    port = await reservePort('127.0.0.1', 0);
    server = createHttpServer({
      tls: undefined,
      maxBodyBytes: 800,
      bodyBudget: budget,
      onFault: (thrown) => {
        throw thrown;
      },
      handler: (x) => x.receiveBody(() => x.respond(200, 'text/plain', String(x.body.bytes.length))),
    });
    await server.listen('127.0.0.1', port);
  });
  after(() => server.close());

  const post = (length: number): string => requestHead('POST', '/', [['content-length', String(length)]]);

  it('refuses a body for which there is no room beside others, and takes it once they are gone', async () => {
    const first = await openRaw(port);
    first.send(post(700));
    first.send('a'.repeat(600));
    while (budget.heldBytes < 600) await new Promise((resolve) => setTimeout(resolve, 5));

    const second = await openRaw(port);
    second.send(post(500) + 'b'.repeat(500));
    assert.equal((await second.answer()).status, 429);
    assert.equal(budget.heldBytes, 600, 'a refused body holds nothing');
    second.destroy();

    first.send('a'.repeat(100));
    const answer = await first.answer();
    assert.deepEqual([answer.status, answer.body], [200, '700']);
    assert.equal(budget.heldBytes, 0);
    first.destroy();

    const third = await openRaw(port);
    third.send(post(500) + 'c'.repeat(500));
    assert.equal((await third.answer()).status, 200);
    third.destroy();
  });

  it('gives back what a caller held who leaves in the middle of a body', async () => {
    const leaver = await openRaw(port);
    leaver.send(post(700));
    leaver.send('a'.repeat(600));
    while (budget.heldBytes < 600) await new Promise((resolve) => setTimeout(resolve, 5));
    leaver.destroy();
    while (budget.heldBytes > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(budget.heldBytes, 0);
  });
});
