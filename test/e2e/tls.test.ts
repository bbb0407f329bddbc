// needs: openssl
/** HTTPS on the public port with a certificate of one's own; and certificates that cannot be used. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startTestNode } from '../support/testNode.js';
import {
  type Answer,
  chatBody,
  chatPath,
  modelsPath,
  readAnswer,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const folder = mkdtempSync(join(tmpdir(), 'fxn-tls-'));
const certFile = join(folder, 'cert.pem');
const keyFile = join(folder, 'key.pem');
const otherKeyFile = join(folder, 'other.pem');

before(() => {
  const subject = ['-subj', '/CN=node.test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:node.test'];
  const files = ['-keyout', keyFile, '-out', certFile];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, '-days', '2', ...subject], { stdio: 'pipe' });
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', otherKeyFile]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('TLS on the public port', () => {
  let stand: TestStand;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 2, tls: { certFile, keyFile } } } });
  });
  after(() => stand?.close());

  const ask = async (body: string, options: RequestOptions = {}): Promise<Answer> => {
    const request = httpsRequest(`${stand.node.url}${body === '' ? modelsPath : chatPath}`, {
      method: body === '' ? 'GET' : 'POST',
      headers: { ...(await stand.gateway.sign(body)), 'content-length': Buffer.byteLength(body) },
      ca: readFileSync(certFile),
      agent: false,
      ...options,
    });
    request.end(body);
    return readAnswer(request);
  };

  it('serves signed requests under the certificate of the operator', async () => {
    assert.match(stand.node.url, /^https:/);
    assert.equal((await ask('')).status, 200);
    assert.equal((await ask(chatBody)).status, 200);
  });

  it('shows that certificate and no other', async () => {
    await assert.rejects(ask('', { ca: [] }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('carries a body of several megabytes', async () => {
    const body = chatBody.replace('[]', `["${'x'.repeat(5_000_000)}"]`);
    assert.equal((await ask(body)).status, 200);
    assert.equal(stand.backend.requests.at(-1)?.body, body);
  });

  it('does not speak plain HTTP there', async () => {
    await assert.rejects(fetch(stand.node.url.replace('https', 'http')));
  });
});

describe('a certificate that cannot be used', () => {
  const garbage = join(folder, 'garbage.pem');
  before(() => writeFileSync(garbage, 'not a certificate\n'));

  const faults: Readonly<Record<string, readonly [certFile: string, keyFile: string, names: RegExp]>> = {
    'a certificate file that is not there': [join(folder, 'none.pem'), keyFile, /none\.pem/],
    'a key file that is not there': [certFile, join(folder, 'none.key'), /none\.key/],
    'a certificate file with something else in it': [garbage, keyFile, /garbage\.pem/],
    'a key that belongs to another certificate': [certFile, otherKeyFile, /other\.pem/],
  };
  for (const [what, [cert, key, names]] of Object.entries(faults)) {
    it(`ends the start with a message that names the file: ${what}`, async () => {
      const started = startTestNode({
        rpcUrls: ['http://127.0.0.1:9'],
        router: `0x${'1'.repeat(40)}`,
        modelBackends: { models: [{ name: 'm', fxnId: '2', backends: [{ url: 'http://127.0.0.1:9' }] }] },
        config: { node: { listenPort: 0, tls: { certFile: cert, keyFile: key } } },
      });
      await assert.rejects(started, (thrown: Error) => {
        assert.match(thrown.message, /^the node ended with 2\n/);
        assert.match(thrown.message, names);
        return true;
      });
    });
  }
});
