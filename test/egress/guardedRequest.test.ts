/**
 * Requests that strangers name, against real servers on loopback. Nothing outside is ever contacted: names are resolved
 * by the test, and where a public address is meant, a hook takes the connection to a server of the test.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import {
  createGuardedRequest,
  type GuardedOutcome,
  type GuardedRequestOptions,
  type GuardedRequestSetup,
} from '#src/egress/guardedRequest.js';
import { type Connect, connectPinned } from '#src/egress/openConnection.js';
import type { ResolveHost } from '#src/egress/resolveHost.js';
import { loopbackAddresses, startLoopbackServers, watchConnects } from './loopbackServers.js';
import { refusedUrls, spoiledNames } from './refusedUrls.js';

const publicIpv4 = '93.184.216.34';
const publicName = 'public.example';

/** Public, private and no names. */
const resolve: ResolveHost = async ({ name }) => {
  if (name === publicName) return [publicIpv4];
  const addresses = spoiledNames[name];
  if (addresses === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  return addresses;
};

/** Takes connections to the one public address to a server of the test, and leaves all others where they go. */
const publicAt =
  (port: number, seen: (readonly string[])[] = []): Connect =>
  (target) => {
    seen.push(target.addresses);
    const isPublic = target.addresses.every((address) => address === publicIpv4);
    return connectPinned(isPublic ? { ...target, addresses: ['127.0.0.1'], port } : target);
  };

type Ask = (url: string, options?: Partial<GuardedRequestOptions>) => Promise<GuardedOutcome>;

function asker(setup: Partial<GuardedRequestSetup>): Ask {
  const request = createGuardedRequest({ allowHosts: [], resolve, ...setup });
  return (url, options = {}) =>
    request({
      method: 'GET',
      url,
      deadlineMs: 20_000,
      maxRedirects: 3,
      signal: new AbortController().signal,
      ...options,
    });
}

const say =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end('a body');
  };

/** A server that speaks no HTTP by itself. */
async function rawServer(t: TestContext, accept: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

describe('a URL that leads into this machine or its network', () => {
  it('is refused in every spelling, and nothing is connected', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const { attempts } = watchConnects(t);
    const ask = asker({});
    const urls = refusedUrls(servers.port);
    const all = [...urls.absolute, ...urls.relative];
    assert.ok(new Set(all).size > 800, `${new Set(all).size} URLs`);
    for (const url of all) {
      const outcome = await ask(url);
      const isUnknownName = outcome.kind === 'failed' && outcome.failure === 'dns_failed';
      assert.ok(outcome.kind === 'refused' || isUnknownName, `${url}: ${JSON.stringify(outcome)}`);
      if (outcome.kind === 'refused') assert.equal(outcome.redirects, 0);
    }
    assert.deepEqual(attempts, []);
    assert.equal(servers.total(), 0);
  });

  it('is refused as the target of a redirect, and nothing but the redirecting server is connected', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const urls = refusedUrls(servers.port).absolute.filter(
      // What a header cannot hold.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      (url) => !/[\u0000-\u001f]/.test(url),
    );
    let location = '';
    const redirecting = await rawServer(t, (socket) =>
      socket.once('data', () =>
        socket.end(`HTTP/1.1 302 Found\r\nLocation:${location}\r\nContent-Length: 0\r\n\r\n`),
      ),
    );
    const { attempts } = watchConnects(t);
    const ask = asker({ connect: publicAt(redirecting) });
    let refused = 0;
    for (const url of urls) {
      location = url;
      const outcome = await ask(`http://${publicName}/`);
      // The space before it belongs to the header, and relative ones lead back to the public server.
      if (outcome.kind === 'failed' && outcome.failure === 'too_many_redirects') continue;
      const isUnknownName = outcome.kind === 'failed' && outcome.failure === 'dns_failed';
      assert.ok(outcome.kind === 'refused' || isUnknownName, `${url}: ${JSON.stringify(outcome)}`);
      if (outcome.kind === 'refused') assert.equal(outcome.redirects, 1, url);
      refused += 1;
    }
    assert.ok(refused > 800, `${refused} of ${urls.length}`);
    assert.deepEqual(new Set(attempts), new Set([`127.0.0.1 ${redirecting}`]));
    assert.equal(servers.total(), 0);
  });

  it('says why in a word, and never what a name resolved to', async () => {
    const ask = asker({});
    for (const [url, reason] of [
      ['nonsense', 'not_a_url'],
      ['ftp://public.example/', 'not_http'],
      ['http://user:secret@public.example/', 'credentials'],
      ['http://10.0.0.1/', 'private_host'],
      ['http://mixed-last.example/', 'private_host'],
    ] as const) {
      assert.deepEqual(await ask(url), { kind: 'refused', reason, redirects: 0 });
    }
  });

  it('is requested when the operator allows it: by address, by range, by name, at any port', async (t) => {
    const servers = await startLoopbackServers(t, say(204));
    const at = (host: string): string => `http://${host}:${servers.port}/`;
    for (const [allowed, url, isAllowed] of [
      ['127.0.0.1', at('127.0.0.1'), true],
      ['127.0.0.1', at('2130706433'), true],
      ['127.0.0.1', at('[::ffff:127.0.0.1]'), true],
      ['127.0.0.1', at('loopback.example'), true],
      ['127.0.0.1', at('127.0.0.2'), false],
      ['127.0.0.1', at('[::1]'), false],
      ['127.0.0.1', at('localhost'), false],
      ['127.0.0.0/30', at('127.0.0.2'), true],
      ['127.0.0.0/31', at('127.0.0.2'), false],
      ['::ffff:127.0.0.0/126', at('127.0.0.2'), true],
      ['0:0:0:0:0:0:0:1', at('[::1]'), true],
      ['::/127', at('[::1]'), true],
      ['loopback.example', at('loopback.example'), true],
      ['loopback.example', at('LOOPBACK.example.'), true],
      ['loopback.example', at('127.0.0.1'), false],
      ['loopback.example', at('a.loopback.example'), false],
      ['loopback.example', at('loopback6.example'), false],
      ['example', at('loopback.example'), false],
    ] as const) {
      const outcome = await asker({ allowHosts: [allowed] })(url);
      const expected = isAllowed ? 'answered' : 'not answered';
      assert.equal(outcome.kind === 'answered' ? 'answered' : 'not answered', expected, `${allowed} ${url}`);
    }
  });
});

describe('a name', () => {
  it('is resolved once, and the connection goes where the check looked (DNS rebinding)', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const { attempts } = watchConnects(t);
    let questions = 0;
    const rebinding: ResolveHost = async () => [questions++ === 0 ? publicIpv4 : '127.0.0.2'];
    const seen: (readonly string[])[] = [];
    const ask = asker({ resolve: rebinding, connect: publicAt(servers.port, seen) });
    assert.equal((await ask(`http://rebinding.example:${servers.port}/`)).kind, 'answered');
    assert.equal(questions, 1);
    assert.deepEqual(seen, [[publicIpv4]]);
    assert.deepEqual(attempts, [`127.0.0.1 ${servers.port}`]);
    assert.equal(servers.connections.get('127.0.0.2'), 0);
  });

  it('that leads elsewhere after a redirect to itself is refused', async (t) => {
    const servers = await startLoopbackServers(t, say(302, { location: '/again' }));
    let questions = 0;
    const rebinding: ResolveHost = async () => [questions++ === 0 ? publicIpv4 : '127.0.0.2'];
    const ask = asker({ resolve: rebinding, connect: publicAt(servers.port) });
    assert.deepEqual(await ask(`http://rebinding.example:${servers.port}/`), {
      kind: 'refused',
      reason: 'private_host',
      redirects: 1,
    });
    assert.equal(servers.connections.get('127.0.0.2'), 0);
  });

  it('of several addresses is connected at one that works, under its own name', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const { attempts } = watchConnects(t);
    // Nobody listens on the first.
    const ask = asker({ allowHosts: ['127.0.0.0/8'], resolve: async () => ['127.0.0.3', '127.0.0.2'] });
    assert.equal((await ask(`http://several.example:${servers.port}/`)).kind, 'answered');
    assert.deepEqual(attempts, [`127.0.0.3 ${servers.port}`, `127.0.0.2 ${servers.port}`]);
    assert.equal(servers.received[0]?.headers.host, `several.example:${servers.port}`);
  });

  it('of both kinds of address is tried at both', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const ask = asker({ allowHosts: ['::1', '127.0.0.3'], resolve: async () => ['::1', '127.0.0.3'] });
    assert.equal((await ask(`http://both.example:${servers.port}/`)).kind, 'answered');
    assert.equal(servers.connections.get('::1'), 1);
  });

  it('that the operator wrote down is told to the resolver as such', async () => {
    const asked: [string, boolean][] = [];
    const ask = asker({
      allowHosts: ['intranet'],
      resolve: async ({ name, isOperators }) => {
        asked.push([name, isOperators]);
        return [];
      },
    });
    await ask('http://INTRANET./');
    await ask('http://other/');
    assert.deepEqual(asked, [
      ['intranet', true],
      ['other', false],
    ]);
  });
});

describe('a guarded request', () => {
  const allowHosts = loopbackAddresses;

  it('sends its method, path and query, its own four headers and nothing else', async (t) => {
    const servers = await startLoopbackServers(t, say(200, { 'set-cookie': 'a=b' }));
    const ask = asker({ allowHosts });
    await ask(`http://127.0.0.1:${servers.port}/a%20b?c=d#e`, { method: 'HEAD' });
    await ask(`http://127.0.0.1:${servers.port}`);
    const [first, second] = servers.received;
    assert.deepEqual([first?.method, first?.url], ['HEAD', '/a%20b?c=d']);
    assert.deepEqual([second?.method, second?.url], ['GET', '/']);
    assert.deepEqual(second?.headers, {
      host: `127.0.0.1:${servers.port}`,
      'user-agent': 'fxn-provider-node',
      accept: '*/*',
      connection: 'close',
    });
    assert.equal(servers.total(), 2, 'no connection is used twice');
  });

  it('answers with the status and the headers, whatever they are', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      response.writeHead(Number(request.url?.slice(1)), { 'x-own': 'yes' }).end();
    });
    for (const status of [200, 204, 299, 300, 304, 404, 418, 500, 599]) {
      const outcome = await asker({ allowHosts })(`http://127.0.0.1:${servers.port}/${status}`);
      assert.ok(outcome.kind === 'answered');
      assert.deepEqual([outcome.status, outcome.headers['x-own']], [status, 'yes']);
    }
  });

  it('reads no body: the connection of an endless one is closed', async (t) => {
    let isClosed: Promise<unknown> | undefined;
    const servers = await startLoopbackServers(t, (_request, response) => {
      isClosed = once(response, 'close');
      response.on('error', () => undefined);
      const go = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(go));
      };
      go();
    });
    assert.equal((await asker({ allowHosts })(`http://127.0.0.1:${servers.port}/`)).kind, 'answered');
    await isClosed;
  });

  it('follows three redirects, relative ones too, and calls the fourth too many', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      const [, left = '0'] = request.url?.match(/(\d+)/) ?? [];
      if (left === '0') return response.writeHead(200, { 'x-last': request.url }).end();
      const status = [301, 302, 307, 308][Number(left) % 4]!;
      return response.writeHead(status, { location: `../b/${Number(left) - 1}`, 'set-cookie': 'a=b' }).end();
    });
    const ask = asker({ allowHosts });
    const outcome = await ask(`http://127.0.0.1:${servers.port}/a/3`);
    assert.equal(outcome.kind === 'answered' && outcome.headers['x-last'], '/b/0');
    assert.equal(servers.received.length, 4);
    assert.ok(servers.received.every(({ headers }) => headers.cookie === undefined));
    assert.deepEqual(await ask(`http://127.0.0.1:${servers.port}/a/4`), {
      kind: 'failed',
      failure: 'too_many_redirects',
    });
    assert.equal(servers.received.length, 8);
  });

  it('follows none when none are wanted, and none that say not where to', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      response.writeHead(302, request.url === '/to' ? { location: 'http://10.0.0.1/' } : {}).end();
    });
    const ask = asker({ allowHosts });
    const statusOf = (outcome: GuardedOutcome) => outcome.kind === 'answered' && outcome.status;
    assert.equal(statusOf(await ask(`http://127.0.0.1:${servers.port}/to`, { maxRedirects: 0 })), 302);
    assert.equal(statusOf(await ask(`http://127.0.0.1:${servers.port}/nowhere`)), 302);
  });

  for (const [what, failure, accept] of [
    ['hangs up', 'connection_reset', (socket) => socket.once('data', () => socket.end())],
    ['resets', 'connection_reset', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    [
      'resets in its head',
      'connection_reset',
      (socket) => socket.write('HTTP/1.1 200 O', () => socket.resetAndDestroy()),
    ],
    ['talks nonsense', 'protocol_error', (socket) => socket.once('data', () => socket.end('SSH-2.0-x\r\n'))],
    ['talks first', 'protocol_error', (socket) => socket.write('220 mail ready\r\n')],
    [
      'switches protocols unasked',
      'protocol_error',
      (socket) =>
        socket.once('data', () =>
          socket.write('HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
        ),
    ],
    [
      'never ends its head',
      'protocol_error',
      (socket) => {
        const go = (): void => {
          if (!socket.destroyed) socket.write(`x-more: ${'y'.repeat(1_000)}\r\n`, () => setImmediate(go));
        };
        socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n', go));
      },
    ],
  ] as const satisfies readonly (readonly [string, string, (socket: Socket) => unknown])[]) {
    it(`of a server that ${what} is ${failure}`, async (t) => {
      const port = await rawServer(t, accept);
      assert.deepEqual(await asker({ allowHosts })(`http://127.0.0.1:${port}/`), { kind: 'failed', failure });
    });
  }

  for (const [what, accept] of [
    ['says nothing', () => undefined],
    ['says only that it goes on', (socket: Socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n')],
    ['stops in its head', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: ')],
  ] as const) {
    it(`of a server that ${what} is a timeout, and the connection is closed`, async (t) => {
      let closed: Promise<unknown> | undefined;
      const port = await rawServer(t, (socket) => {
        closed = once(socket, 'close');
        socket.resume();
        accept(socket);
      });
      const outcome = await asker({ allowHosts })(`http://127.0.0.1:${port}/`, { deadlineMs: 150 });
      assert.deepEqual(outcome, { kind: 'failed', failure: 'timeout' });
      await closed;
    });
  }

  it('has one deadline for all redirects together', async (t) => {
    const servers = await startLoopbackServers(t, (request, response) => {
      setTimeout(() => response.writeHead(302, { location: request.url }).end(), 120);
    });
    const outcome = await asker({ allowHosts })(`http://127.0.0.1:${servers.port}/`, {
      deadlineMs: 300,
      maxRedirects: 1_000,
    });
    assert.deepEqual(outcome, { kind: 'failed', failure: 'timeout' });
    assert.ok(servers.received.length <= 3, `${servers.received.length} requests`);
  });

  it('of a port where nobody listens is connection_refused, of one that cannot be is unreachable', async (t) => {
    const servers = await startLoopbackServers(t, say(200));
    const ask = asker({ allowHosts: ['127.0.0.0/8'] });
    assert.deepEqual(await ask(`http://127.0.0.3:${servers.port}/`), {
      kind: 'failed',
      failure: 'connection_refused',
    });
    const unroutable: Connect = (target) => {
      const socket = connectPinned({ ...target, addresses: ['127.0.0.1'], port: servers.port });
      socket.destroy(Object.assign(new Error('no route'), { code: 'ENETUNREACH' }));
      return socket;
    };
    assert.deepEqual(await asker({ connect: unroutable })(`http://${publicName}/`), {
      kind: 'failed',
      failure: 'unreachable',
    });
  });

  it('of a name that does not resolve is dns_failed, of a resolver that hangs a timeout', async (t) => {
    // Keeps the process waiting, as sockets of a real resolver do.
    await startLoopbackServers(t, say(200));
    assert.deepEqual(await asker({})('http://unknown.example/'), { kind: 'failed', failure: 'dns_failed' });
    assert.deepEqual(await asker({ resolve: async () => [] })('http://none.example/'), {
      kind: 'failed',
      failure: 'dns_failed',
    });
    const hanging = asker({ resolve: () => new Promise(() => undefined) });
    assert.deepEqual(await hanging('http://hanging.example/', { deadlineMs: 50 }), {
      kind: 'failed',
      failure: 'timeout',
    });
  });

  it('that is called off rejects with the reason, and the connection is closed', async (t) => {
    const reason = new Error('the scheduler left');
    const controller = new AbortController();
    let closed: Promise<unknown> | undefined;
    const port = await rawServer(t, (socket) => {
      closed = once(socket, 'close');
      socket.resume();
      socket.once('data', () => controller.abort(reason));
    });
    const ask = asker({ allowHosts });
    const pending = ask(`http://127.0.0.1:${port}/`, { signal: controller.signal });
    await assert.rejects(pending, (thrown) => thrown === reason);
    await closed;
    closed = undefined;
    await assert.rejects(
      ask(`http://127.0.0.1:${port}/`, { signal: controller.signal }),
      (thrown) => thrown === reason,
    );
    assert.equal(closed, undefined, 'nothing is begun');
  });
});
