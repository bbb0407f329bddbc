/** ENDPOINT_REACHABLE as the scheduler sees it, against real servers on loopback that the operator allows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEndpointReachableChallenger } from '#src/challenge/endpointReachable.js';
import { createGuardedRequest } from '#src/egress/guardedRequest.js';
import { startLoopbackServers, watchConnects } from '#test/egress/loopbackServers.js';
import { refusedUrls, spoiledNames } from '#test/egress/refusedUrls.js';
import { context } from './challengeContext.js';

const challenger = (
  options: { readonly allowHosts?: readonly string[]; readonly deadlineMs?: number } = {},
) =>
  createEndpointReachableChallenger({
    request: createGuardedRequest({
      allowHosts: options.allowHosts ?? ['127.0.0.1'],
      resolve: async ({ name }) => spoiledNames[name] ?? [],
    }),
    ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
  });

describe('ENDPOINT_REACHABLE', () => {
  it('says of every status whether it is 2xx, and nothing more', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      response.writeHead(Number(request.url?.slice(1)), { 'x-secret': '1' }).end('a body');
    });
    for (const status of [200, 201, 204, 299, 300, 302, 304, 401, 404, 500, 503]) {
      const answer = await challenger().run(`http://127.0.0.1:${servers.port}/${status}`, context());
      assert.deepEqual(answer, { reachable: status < 300 }, String(status));
    }
    assert.ok(servers.received.every(({ method }) => method === 'GET'));
  });

  it('says of a transport failure in a word what it was', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      if (request.url === '/hang-up') response.destroy();
      else if (request.url === '/again') response.writeHead(302, { location: '/again' }).end();
      else if (request.url === '/inside') response.writeHead(302, { location: 'http://127.0.0.2/' }).end();
      else if (request.url === '/file') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    });
    for (const [url, error] of [
      [`http://127.0.0.1:${servers.port}/hang-up`, 'connection_reset'],
      [`http://127.0.0.1:${servers.port}/again`, 'too_many_redirects'],
      [`http://127.0.0.1:${servers.port}/inside`, 'redirect_refused'],
      [`http://127.0.0.1:${servers.port}/file`, 'redirect_refused'],
      [`https://127.0.0.1:${servers.port}/`, 'tls_failed'],
      ['http://127.0.0.1:1/', 'connection_refused'],
      ['http://unknown.example/', 'dns_failed'],
    ] as const) {
      assert.deepEqual(await challenger().run(url, context()), { reachable: false, error }, url);
    }
    assert.deepEqual(
      await challenger({ deadlineMs: 100 }).run(`http://127.0.0.1:${servers.port}/hang`, context()),
      { reachable: false, error: 'timeout' },
    );
    assert.equal(servers.connections.get('127.0.0.2'), 0);
  });

  it('refuses a URL that leads inside with 400, and repeats nothing of it', async (t) => {
    const servers = await startLoopbackServers(t, (_request, response) => response.end());
    const { attempts } = watchConnects(t);
    const urls = refusedUrls(servers.port);
    for (const url of [...urls.absolute, ...urls.relative]) {
      const answer = await challenger({ allowHosts: [] })
        .run(url, context())
        .catch((thrown: unknown) => thrown);
      if (answer instanceof Error) {
        assert.equal(Reflect.get(answer, 'status'), 400, url);
        assert.match(
          answer.message,
          /^The challenge payload is not valid: expected (?:an absolute URL|a URL that starts with http:\/\/ or https:\/\/|a URL without user name and password|a URL of a public host)\.$/,
        );
      } else assert.deepEqual(answer, { reachable: false, error: 'dns_failed' }, url);
    }
    assert.deepEqual(attempts, []);
    assert.equal(servers.total(), 0);
  });

  it('refuses a payload that is no string', async () => {
    for (const payload of [undefined, null, 5, {}, [], { url: 'http://127.0.0.1/' }]) {
      await assert.rejects(challenger().run(payload, context()), {
        code: 'invalid_payload',
        status: 400,
        message: 'The challenge payload is not valid: expected a URL as a string.',
      });
    }
  });

  it('is given up when the scheduler leaves', async (t) => {
    const controller = new AbortController();
    const servers = await startLoopbackServers(t, () => controller.abort());
    const pending = challenger().run(`http://127.0.0.1:${servers.port}/`, context(controller.signal));
    await assert.rejects(pending, { name: 'AbortError' });
  });
});
