// needs: openssl
/** Guarded requests over TLS: the certificate must be the host's, and the host's name is what the server is told. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createGuardedRequest, type GuardedOutcome } from '#src/egress/guardedRequest.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

interface TlsServer {
  readonly port: number;
  readonly cert: string;
  /** Names asked for by SNI, one for each request that was served. */
  readonly names: (string | false | undefined)[];
}

/** Serves under a certificate for `node.example` and 127.0.0.1. */
async function tlsServer(t: TestContext): Promise<TlsServer> {
  const folder = await temporaryFolder(t);
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=node.example', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:node.example'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-keyout', keyFile, '-out', certFile, '-days', '2', ...subject],
    { stdio: 'pipe' },
  );
  const cert = readFileSync(certFile, 'utf8');
  const names: (string | false | undefined)[] = [];
  const server = createHttps({ cert, key: readFileSync(keyFile) }, (request, response) => {
    names.push((request.socket as TLSSocket & { servername?: string | false }).servername);
    if (request.url === '/redirect') response.writeHead(302, { location: 'http://10.0.0.1/' }).end();
    else response.writeHead(200, { 'x-host': request.headers.host }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, cert, names };
}

function ask(url: string, ca?: string, deadlineMs = 20_000): Promise<GuardedOutcome> {
  const request = createGuardedRequest({
    allowHosts: ['127.0.0.1'],
    resolve: async () => ['127.0.0.1'],
    ...(ca !== undefined && { ca }),
  });
  return request({ method: 'GET', url, deadlineMs, maxRedirects: 3, signal: new AbortController().signal });
}

const tlsFailed = { kind: 'failed', failure: 'tls_failed' };

describe('a guarded request over TLS', () => {
  it('asks for the name by SNI and Host, without the dot at its end', async (t) => {
    const { port, cert, names } = await tlsServer(t);
    const outcome = await ask(`https://NODE.example:${port}/`, cert);
    assert.equal(outcome.kind === 'answered' && outcome.headers['x-host'], `node.example:${port}`);
    assert.equal((await ask(`https://node.example.:${port}/`, cert)).kind, 'answered');
    assert.deepEqual(names, ['node.example', 'node.example']);
  });

  it('accepts the certificate of an address, which no SNI can ask for', async (t) => {
    const { port, cert, names } = await tlsServer(t);
    assert.equal((await ask(`https://127.0.0.1:${port}/`, cert)).kind, 'answered');
    assert.deepEqual(names, [false]);
  });

  it('checks a redirect like any other', async (t) => {
    const { port, cert } = await tlsServer(t);
    assert.deepEqual(await ask(`https://node.example:${port}/redirect`, cert), {
      kind: 'refused',
      reason: 'private_host',
      redirects: 1,
    });
  });

  it('fails at a certificate that nobody vouches for, even where the environment turns the check off', async (t) => {
    const { port, names } = await tlsServer(t);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    assert.deepEqual(await ask(`https://node.example:${port}/`), tlsFailed);
    assert.deepEqual(names, []);
  });

  it('fails at the certificate of another name', async (t) => {
    const { port, cert, names } = await tlsServer(t);
    assert.deepEqual(await ask(`https://other.example:${port}/`, cert), tlsFailed);
    assert.deepEqual(names, []);
  });

  for (const [what, accept, expected] of [
    ['speaks HTTP alone', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), tlsFailed],
    ['hangs up on the first bytes', (socket) => socket.once('data', () => socket.destroy()), tlsFailed],
    ['resets on the first bytes', (socket) => socket.once('data', () => socket.resetAndDestroy()), tlsFailed],
    ['never answers', () => undefined, { kind: 'failed', failure: 'timeout' }],
  ] as const satisfies readonly (readonly [string, (socket: Socket) => unknown, object])[]) {
    it(`fails at a server that ${what}, and the connection is closed`, async (t) => {
      let closed: Promise<unknown> | undefined;
      const server = createTcp((socket) => {
        closed = once(socket, 'close');
        socket.on('error', () => undefined);
        // Unread, it would not hear of the end.
        socket.resume();
        accept(socket);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const deadlineMs = expected === tlsFailed ? 20_000 : 200;
      assert.deepEqual(await ask(`https://node.example:${port}/`, undefined, deadlineMs), expected);
      await closed;
    });
  }
});
