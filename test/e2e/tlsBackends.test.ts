// needs: openssl
/** Backends over TLS: reached by name under a certificate that the system or NODE_EXTRA_CA_CERTS vouches for, else not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { startBypassNode } from '../support/bypassNode.js';
import { send } from '../support/httpClient.js';
import type { TestNode } from '../support/testNode.js';

const folder = mkdtempSync(join(tmpdir(), 'fxn-tls-backends-'));
const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
const answer = `{"object":"chat.completion","text":"${'x'.repeat(200_000)}"}`;

describe('a backend over TLS', () => {
  let server: Server;
  let url: (host: string) => string;
  /** Of the requests for inference: the name asked for by SNI, the protocol, and the bytes of the body. */
  const served: { name: unknown; alpn: unknown; reused: boolean; bytes: number }[] = [];
  const nodes: TestNode[] = [];

  before(async () => {
    const subject = ['-subj', '/CN=backend.test', '-addext', 'subjectAltName=DNS:localhost'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', keyFile, '-out', certFile];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, '-days', '2', ...subject], {
      stdio: 'pipe',
    });
    server = createServer(
      { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ['http/1.1'] },
      (request, response) => {
        let bytes = 0;
        request.on('data', (piece: Buffer) => {
          bytes += piece.length;
        });
        request.on('end', () => {
          const socket = request.socket as TLSSocket & { servername?: unknown };
          if (request.method === 'POST') {
            const reused = socket.isSessionReused();
            served.push({ name: socket.servername, alpn: socket.alpnProtocol, reused, bytes });
          }
          response.setHeader('content-type', 'application/json').end(answer);
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as AddressInfo;
    url = (host) => `https://${host}:${port}`;
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  const startNode = async (env: Readonly<Record<string, string>>): Promise<TestNode> => {
    const node = await startBypassNode({
      modelBackends: {
        models: [
          { name: 'named', backends: [{ url: url('localhost') }] },
          { name: 'by address', backends: [{ url: url('127.0.0.1') }] },
          { name: 'by IPv6 address', backends: [{ url: url('[::1]') }] },
        ],
      },
      config: { node: { listenPort: 0, threads: 1 }, proxy: { healthInterval: '1h' } },
      env,
    });
    nodes.push(node);
    return node;
  };
  const ask = (node: TestNode, model: string, more = ''): ReturnType<typeof send> =>
    send(`${node.url}/v1/chat/completions`, { body: { model, more } });

  it('is served under a trusted certificate, small bodies and large ones', async () => {
    const node = await startNode({ NODE_EXTRA_CA_CERTS: certFile });
    for (const bytes of [10, 3_000_000, 20]) {
      const { status, text } = await ask(node, 'named', 'z'.repeat(bytes));
      assert.deepEqual([status, text], [200, answer]);
      assert.equal(served.at(-1)!.bytes > bytes, true);
    }
    assert.equal(served.length, 3);
    for (const { name, alpn } of served) assert.deepEqual([name, alpn], ['localhost', 'http/1.1']);
  });

  it('is not served when the certificate is for another name', async () => {
    const node = nodes[0]!;
    const before = served.length;
    for (const model of ['by address', 'by IPv6 address']) {
      const { status, text } = await ask(node, model);
      assert.equal(status, 502);
      assert.match(text, /upstream_unreachable/);
    }
    assert.equal(served.length, before);
  });

  it('is not served under a certificate that nobody vouches for', async () => {
    const node = await startNode({});
    const before = served.length;
    const { status, text } = await ask(node, 'named');
    assert.equal(status, 502);
    assert.match(text, /upstream_unreachable/);
    assert.equal(served.length, before);
  });
});
