import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type HttpAnswer, requestHttp } from '#src/lib/httpRequest.js';

async function startServer(t: TestContext, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

const ask = (url: URL, signal = AbortSignal.timeout(60_000)): Promise<HttpAnswer> =>
  requestHttp({ url, method: 'POST', headers: { 'x-own': '1' }, body: 'question', signal });

async function textOf({ body }: HttpAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

describe('an HTTP request of main and the registry thread', () => {
  it('carries its headers and body, and hands status and body over', async (t) => {
    const url = await startServer(t, async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      response.writeHead(404).end(`${request.headers['x-own']} ${Buffer.concat(pieces).toString()}`);
    });
    const answer = await ask(url);
    assert.equal(answer.status, 404);
    assert.equal(await textOf(answer), '1 question');
  });

  it('asks for compression and undoes it', async (t) => {
    const url = await startServer(t, (request, response) => {
      assert.match(String(request.headers['accept-encoding']), /gzip/);
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync('x'.repeat(100_000)));
    });
    assert.equal(await textOf(await ask(url)), 'x'.repeat(100_000));
  });

  it('fails where what is called compressed is not, and where the body breaks off', async (t) => {
    const url = await startServer(t, (request, response) => {
      if (request.url === '/broken') {
        response.writeHead(200, { 'content-length': 10 }).write('12345');
        setImmediate(() => response.destroy());
      } else response.setHeader('content-encoding', 'gzip').end('no such thing');
    });
    await assert.rejects(async () => textOf(await ask(url)), { code: 'Z_DATA_ERROR' });
    await assert.rejects(async () => textOf(await ask(new URL('/broken', url))), { code: 'ECONNRESET' });
  });

  it('does not follow redirects', async (t) => {
    const asked: (string | undefined)[] = [];
    const url = await startServer(t, (request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    assert.equal((await ask(url)).status, 302);
    assert.deepEqual(asked, ['/']);
  });

  it('is sent once more where the server had just closed the connection that was kept, and only then', async (t) => {
    const answeredBySocket = new WeakSet<object>();
    let refused = 0;
    const url = await startServer(t, (request, response) => {
      // The second request of a connection meets its end.
      if (answeredBySocket.has(request.socket) || request.url === '/never') {
        refused++;
        request.socket.resetAndDestroy();
        return;
      }
      answeredBySocket.add(request.socket);
      response.end('answer');
    });
    assert.equal(await textOf(await ask(url)), 'answer');
    assert.equal(await textOf(await ask(url)), 'answer');
    assert.equal(refused, 1);
    // On a connection of its own from the second attempt on at the latest.
    await assert.rejects(ask(new URL('/never', url)), { code: 'ECONNRESET' });
    assert.ok(refused <= 3, `asked ${refused} times`);
  });

  it('is called off by its signal, before the head and in the middle of the body', async (t) => {
    const url = await startServer(t, (request, response) => {
      if (request.url === '/body') response.writeHead(200).write('beginning');
    });
    const before = new AbortController();
    const waiting = ask(url, before.signal);
    before.abort();
    await assert.rejects(waiting, { name: 'AbortError' });

    const during = new AbortController();
    const answer = await ask(new URL('/body', url), during.signal);
    during.abort();
    await assert.rejects(textOf(answer));
  });
});
