/** The resolver that strangers' names are put to, against a DNS server of the test. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createResolveHost, type HostToResolve } from '#src/egress/resolveHost.js';

const typeOf = { A: 1, AAAA: 28 } as const;

/** Answers each question with the addresses of the right kind; hears questions that it does not answer with `undefined`. */
async function dnsServer(t: TestContext, addresses: readonly string[] | undefined) {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const labels: string[] = [];
    let at = 12;
    while (query[at] !== 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
      at += 1 + query[at]!;
    }
    const type = query.readUInt16BE(at + 1);
    questions.push(`${labels.join('.')} ${type}`);
    if (addresses === undefined) return;
    const fitting = addresses.filter((candidate) => (isIPv4(candidate) ? typeOf.A : typeOf.AAAA) === type);
    const head = Buffer.from(query.subarray(0, 12));
    // An answer, to a question that asked for recursion; an unknown name where there are no addresses at all.
    head.writeUInt16BE(addresses.length === 0 ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(fitting.length, 6);
    head.writeUInt32BE(0, 8);
    const answers = fitting.map((candidate) => {
      const data = isIPv4(candidate)
        ? Buffer.from(candidate.split('.').map(Number))
        : Buffer.from(
            candidate
              .split(':')
              .map((group) => group.padStart(4, '0'))
              .join(''),
            'hex',
          );
      // The name is a pointer to the question's; then type, class, time to live, length.
      const record = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
      return Buffer.concat([record, data]);
    });
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...answers]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { servers: [`127.0.0.1:${socket.address().port}`], questions };
}

const host = (options: Partial<HostToResolve> = {}): HostToResolve => ({
  name: 'host.example',
  isOperators: false,
  signal: new AbortController().signal,
  ...options,
});

describe("a stranger's name", () => {
  it('resolves to all its addresses of both kinds', async (t) => {
    const { servers, questions } = await dnsServer(t, ['192.0.2.1', '192.0.2.2', '2001:db8:0:0:0:0:0:1']);
    const addresses = await createResolveHost({ servers })(host());
    assert.deepEqual([...addresses].sort(), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    assert.deepEqual(questions.sort(), ['host.example 1', 'host.example 28']);
  });

  it('resolves when it has one kind of address', async (t) => {
    const { servers } = await dnsServer(t, ['192.0.2.1']);
    assert.deepEqual(await createResolveHost({ servers })(host()), ['192.0.2.1']);
  });

  it('resolves to nothing when DNS does not know it, whatever the hosts file of this machine says', async (t) => {
    const { servers, questions } = await dnsServer(t, []);
    const resolve = createResolveHost({ servers });
    assert.deepEqual(await resolve(host()), []);
    assert.deepEqual(await resolve(host({ name: 'localhost' })), []);
    assert.ok(questions.includes('localhost 1'), 'a short name gets no search domain');
  });

  it('is given up when the request is called off', async (t) => {
    const { servers } = await dnsServer(t, undefined);
    const controller = new AbortController();
    const pending = createResolveHost({ servers })(host({ signal: controller.signal }));
    controller.abort();
    assert.deepEqual(await pending, []);
  });
});

describe("an operator's name", () => {
  it('resolves as the system does it', async () => {
    const resolve = createResolveHost({ servers: ['127.0.0.1:1'] });
    const addresses = await resolve(host({ name: 'localhost', isOperators: true }));
    assert.ok(addresses.includes('127.0.0.1') || addresses.includes('::1'), addresses.join(' '));
  });
});
