import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { checkBackend } from '#src/upstream/checkBackend.js';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const check = (url: string, { headers = {}, deadlineMs = 60_000 } = {}) =>
  checkBackend({ url, headers, deadlineMs });

describe('a health check of a backend', () => {
  for (const [status, isUp] of [
    [200, true],
    [302, true],
    [401, true],
    [404, true],
    [500, false],
    [503, false],
  ] as const) {
    it(`takes ${status} for ${isUp ? 'a sign of life' : 'a failure'}`, async (t) => {
      const url = await serve(t, (_, response) => response.writeHead(status, { location: '/x' }).end('{}'));
      assert.equal(await check(url), isUp);
    });
  }

  it('costs no token: it asks for the models, with the headers of the backend', async (t) => {
    const seen: string[] = [];
    const url = await serve(t, (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['x-api-key']}`);
      response.end('{}');
    });
    await check(`${url}/prefix`, { headers: { 'x-api-key': 'k' } });
    assert.deepEqual(seen, ['GET /prefix/v1/models k']);
  });

  it('fails when nobody listens, nobody answers, or the connection breaks', async (t) => {
    assert.equal(await check('http://127.0.0.1:1'), false);
    const silent = await serve(t, () => undefined);
    assert.equal(await check(silent, { deadlineMs: 200 }), false);
    assert.equal(await check(await serve(t, (_, response) => response.destroy())), false);
  });

  it('takes a status for a sign of life, and does not wait for a body that never ends', async (t) => {
    const endless = await serve(t, (_, response) => void response.writeHead(200).write('['));
    assert.equal(await check(endless), true);
  });
});
