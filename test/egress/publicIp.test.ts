/** The look-up of the node's own address, against real HTTP servers that misbehave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createPublicIp, type LookupFailure, type PublicIpOptions } from '#src/egress/publicIp.js';

async function service(t: TestContext, answer: (response: ServerResponse, request: number) => unknown) {
  const seen = { requests: 0, connections: 0 };
  const server = createServer((_request, response) => answer(response, ++seen.requests));
  server.on('connection', () => {
    seen.connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ip` };
}

function publicIp(options: Partial<PublicIpOptions> & { readonly service: string }) {
  const clock = { atMs: 1_000_000 };
  const failures: LookupFailure[] = [];
  const address = createPublicIp({
    configured: '',
    clock: { nowMs: () => clock.atMs },
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
  return { address, clock, failures };
}

describe('the public address', () => {
  it('is the configured one, and nobody is asked', async (t) => {
    const { url, seen } = await service(t, (response) => response.end('198.51.100.7'));
    const { address } = publicIp({ configured: '203.0.113.9', service: url });
    assert.equal(await address.read(), '203.0.113.9');
    assert.equal(seen.connections, 0);
  });

  it('is not known without a service', async () => {
    const { address, failures } = publicIp({ service: '' });
    assert.equal(await address.read(), null);
    assert.deepEqual(failures, []);
  });

  for (const [what, body, expected] of [
    ['an IPv4 address', '198.51.100.7', '198.51.100.7'],
    ['an IPv6 address', '2001:db8::7', '2001:db8::7'],
    ['an address amid white space', ' \r\n\t198.51.100.7 \n\n', '198.51.100.7'],
    ['an address of an overlay network', '100.64.1.2', '100.64.1.2'],
  ] as const) {
    it(`is what the service says: ${what}`, async (t) => {
      const { url } = await service(t, (response) => response.end(body));
      const { address, failures } = publicIp({ service: url });
      assert.equal(await address.read(), expected);
      assert.deepEqual(failures, []);
    });
  }

  const hang = (): void => undefined;
  const say =
    (body: string | Buffer, status = 200, headers = {}) =>
    (response: ServerResponse): void => {
      response.writeHead(status, headers).end(body);
    };
  for (const [what, answer, failure] of [
    ['hangs', hang, 'timeout'],
    [
      'hangs behind its head',
      (response: ServerResponse) => response.writeHead(200).flushHeaders(),
      'timeout',
    ],
    ['hangs behind an address', (response: ServerResponse) => response.write('198.51.100.7'), 'timeout'],
    ['hangs up', (response: ServerResponse) => response.destroy(), 'unreachable'],
    [
      'breaks off',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': 20 });
        response.write('198.51.100.7', () => response.destroy());
      },
      'unreachable',
    ],
    ['says nothing', say(''), 'not_an_address'],
    ['says garbage', say('not an address'), 'not_an_address'],
    ['answers HTML', say('<html>198.51.100.7</html>'), 'not_an_address'],
    ['says two addresses', say('198.51.100.7 198.51.100.8'), 'not_an_address'],
    ['says an address with a port', say('198.51.100.7:80'), 'not_an_address'],
    ['says an address with a zone', say('2001:db8::7%eth0'), 'not_an_address'],
    ['says a short form', say('127.1'), 'not_an_address'],
    ['says 0.0.0.0', say('0.0.0.0'), 'not_an_address'],
    ['says ::', say('::'), 'not_an_address'],
    ['says loopback', say('127.0.0.1'), 'not_an_address'],
    ['says loopback in IPv6', say('::1'), 'not_an_address'],
    ['says loopback in IPv6 clothes', say('::ffff:127.0.0.1'), 'not_an_address'],
    ['says broadcast', say('255.255.255.255'), 'not_an_address'],
    ['says a link-local address', say('fe80::1'), 'not_an_address'],
    ['says too much', say(`198.51.100.7${' '.repeat(245)}`), 'too_large'],
    [
      'never stops talking',
      (response: ServerResponse) => response.write(Buffer.alloc(1_000_000)),
      'too_large',
    ],
    ['redirects', say('198.51.100.7', 302, { location: '/other' }), 'bad_status'],
    ['fails', say('198.51.100.7', 500), 'bad_status'],
  ] as const) {
    it(`is not known of a service that ${what}`, async (t) => {
      const { url, seen } = await service(t, answer);
      const { address, failures } = publicIp({
        service: url,
        deadlineMs: failure === 'timeout' ? 150 : 5_000,
      });
      assert.equal(await address.read(), null);
      assert.deepEqual(failures, [failure]);
      assert.equal(seen.requests, 1);
    });
  }

  it('is not known of a service that nobody runs', async (t) => {
    const { url } = await service(t, hang);
    const nobody = new URL(url);
    nobody.port = '1';
    const { address, failures } = publicIp({ service: nobody.href });
    assert.equal(await address.read(), null);
    assert.deepEqual(failures, ['unreachable']);
  });

  it('is asked for once by many at a time, and kept for ten minutes', async (t) => {
    const { url, seen } = await service(t, (response, request) => response.end(`198.51.100.${request}`));
    const { address, clock } = publicIp({ service: url });
    const answers = await Promise.all(Array.from({ length: 20 }, () => address.read()));
    assert.deepEqual(new Set(answers), new Set(['198.51.100.1']));
    clock.atMs += 599_999;
    assert.equal(await address.read(), '198.51.100.1');
    clock.atMs += 1;
    assert.equal(await address.read(), '198.51.100.2');
    assert.equal(seen.requests, 2);
  });

  it('is asked for again half a minute after a failure, and not before', async (t) => {
    const { url, seen } = await service(t, (response, request) =>
      request === 1 ? response.writeHead(503).end() : response.end('198.51.100.7'),
    );
    const { address, clock, failures } = publicIp({ service: url });
    assert.equal(await address.read(), null);
    clock.atMs += 29_999;
    assert.equal(await address.read(), null);
    assert.equal(seen.requests, 1);
    clock.atMs += 1;
    assert.equal(await address.read(), '198.51.100.7');
    assert.deepEqual(failures, ['bad_status']);
  });

  it('is not kept for longer because the clock was set back', async (t) => {
    const { url, seen } = await service(t, (response) => response.end('198.51.100.7'));
    const { address, clock } = publicIp({ service: url });
    await address.read();
    clock.atMs -= 500_000;
    await address.read();
    assert.equal(seen.requests, 2);
  });
});
