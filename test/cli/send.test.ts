/** `fxn send` against real HTTP servers. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { verifyRequest } from '@slicekit/erc8128';
import { verifyMessage } from 'viem';
import { ClaimedCallers } from '#src/auth/claimedCallers.js';
import { legacyMessage, personalDigest } from '#src/auth/digest.js';
import { parseLegacyHeaders } from '#src/auth/legacyHeaders.js';
import { loadNativeRecovery } from '#src/auth/signerRecovery.js';
import type { CliIo, StreamIo } from '#src/cli/cliIo.js';
import { homeNodeUrl } from '#src/cli/homeNode.js';
import { type SendOptions, send } from '#src/cli/send.js';
import { UsageError } from '#src/cli/usageError.js';
import { NodeError } from '#src/errors/nodeError.js';
import { writeKeyFile } from '#src/keys/keyFile.js';
import { oneModel, required, writeHome } from '#test/config/configHome.js';
import { bytesOf, gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Answers each request with the next of the given answers, the last one again and again. */
async function serve(t: TestContext, ...answers: ((response: ServerResponse) => unknown)[]) {
  const received: Received[] = [];
  const listener: RequestListener = async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { method = '', url = '', headers } = request;
    received.push({ method, url, headers, body: Buffer.concat(pieces) });
    answers[Math.min(received.length, answers.length) - 1]?.(response);
  };
  const server = createServer((request, response) => void listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, received };
}

const text =
  (body: string, status = 200, type = 'application/json') =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': type, 'x-request-id': 'id-1' }).end(body);
  };

interface Terminal {
  readonly isTTY?: boolean;
  readonly stdin?: readonly string[];
  readonly env?: Record<string, string>;
  /** Called with all that was printed so far. */
  readonly onOut?: (printed: string) => void;
}

async function sendWith(options: Partial<SendOptions>, terminal: Terminal = {}) {
  const printed = { out: '', err: '' };
  const interruption = new AbortController();
  const stdout = new Writable({
    write(piece: Buffer, _encoding, done) {
      printed.out += piece.toString('utf8');
      terminal.onOut?.(printed.out);
      done();
    },
  });
  const io: CliIo & StreamIo = {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => {
      printed.err += `${line}\n`;
    },
    env: terminal.env ?? {},
    stdin: (async function* () {
      yield* terminal.stdin ?? [];
    })(),
    stdout: Object.assign(stdout, { isTTY: terminal.isTTY ?? false }),
    signal: interruption.signal,
  };
  const exitCode = send(
    { path: '/v1/models', scheme: 'legacy', key: `0x${gatewayKey.privateKeyHex}`, ...options },
    io,
  );
  return { exitCode, printed, interruption };
}

async function result(options: Partial<SendOptions>, terminal?: Terminal) {
  const { exitCode, printed } = await sendWith(options, terminal);
  return { exitCode: await exitCode, ...printed };
}

/** Who signed the request, as a node finds out. */
function signerOf({ headers, body }: Received): string {
  const signed = parseLegacyHeaders(
    new Map(Object.entries(headers) as [string, string][]),
    new ClaimedCallers(),
  );
  assert.ok(!(signed instanceof NodeError));
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const digest = personalDigest(legacyMessage(bodyHash, signed.timestamp, signed.nonce));
  const recovery = loadNativeRecovery();
  assert.ok(!('unavailable' in recovery));
  const { signature, recoveryId } = signed;
  const isSigner = recovery.verify({ digest, signature, recoveryId }, signed.caller.words);
  assert.equal(isSigner, true, `${signed.caller.address} did not sign`);
  return signed.caller.address;
}

const expired = text('{"error":{"message":"too early","code":"auth_expired"}}', 401);
const chunk = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

describe('fxn send', () => {
  test('signs a GET without a body and prints the answer, with the figures beside it', async (t) => {
    const { url, received } = await serve(t, text('{"data":[]}'));
    const { exitCode, out, err } = await result({ url, path: '/v1/models?a=1' });
    assert.equal(exitCode, 0);
    assert.equal(out, '{"data":[]}');
    assert.match(err, /^200 OK {2}request id-1 {2}first byte \S+ m?s {2}total \S+ m?s {2}11 bytes\n$/);
    assert.equal(received[0]!.method, 'GET');
    assert.equal(received[0]!.url, '/v1/models?a=1');
    assert.equal(signerOf(received[0]!), gatewayKey.checksumAddress.toLowerCase());
  });

  test('posts a body given as an argument, a file or standard input, to the byte', async (t) => {
    const { url, received } = await serve(t, text('{}'));
    const file = join(await temporaryFolder(t), 'body.json');
    const content = '{"text":"wörld 🎉"}\n';
    await writeFile(file, content);
    for (const body of [content, `@${file}`, '-', '@-']) {
      const stdin = [content.slice(0, 5), content.slice(5)];
      assert.equal((await result({ url, body }, { stdin })).exitCode, 0);
      const request = received.at(-1)!;
      assert.equal(request.method, 'POST');
      assert.equal(request.headers['content-type'], 'application/json');
      assert.equal(request.body.toString('utf8'), content);
      assert.equal(signerOf(request), gatewayKey.checksumAddress.toLowerCase());
    }
  });

  test('takes the method that is asked for', async (t) => {
    const { url, received } = await serve(t, text('{}'));
    await result({ url, method: 'post' });
    assert.equal(received[0]!.method, 'POST');
  });

  test('keeps the path of the URL in front of the path', async (t) => {
    const { url, received } = await serve(t, text('{}'));
    await result({ url: `${url}/node/` });
    assert.equal(received[0]!.url, '/node/v1/models');
  });

  test('prints a refusal and ends with 1', async (t) => {
    const body = '{"error":{"message":"unknown","code":"auth_unknown_caller"}}';
    const { url, received } = await serve(t, text(body, 401));
    const { exitCode, out, err } = await result({ url });
    assert.equal(exitCode, 1);
    assert.equal(out, body);
    assert.match(err, /^401 Unauthorized/);
    assert.ok(err.includes(gatewayKey.checksumAddress), err);
    assert.match(err, /register it as a gateway, or sign with --key\.\n$/);
    assert.equal(received.length, 1);
  });

  test('signs once more, dated later, when the node has only just started', async (t) => {
    const { url, received } = await serve(t, expired, text('{"data":[]}'));
    const { exitCode, out, err } = await result({ url });
    assert.equal(exitCode, 0);
    assert.equal(out, '{"data":[]}');
    assert.match(err, /signing again/);
    const [first, second] = received.map(({ headers }) => Number(headers['x-timestamp']));
    assert.ok(second! > first!);
    assert.notEqual(received[0]!.headers['x-nonce'], received[1]!.headers['x-nonce']);
  });

  describe('with --scheme rfc9421', () => {
    const scheme = 'rfc9421' as const;
    const body = '{"model":"m"}';
    /** Without a configuration. */
    const terminal = { env: { FXN_HOME: '/no/such/home' } };

    /** What the reference implementation of ERC-8128 makes of a request that came to `authority`. */
    const verifiedAt = ({ method, url, headers, body }: Received, authority: string) =>
      verifyRequest({
        request: new Request(`http://${authority}${url}`, {
          method,
          headers: Object.entries(headers) as [string, string][],
          ...(body.length > 0 ? { body } : {}),
        }),
        verifyMessage: (message) => verifyMessage(message),
        nonceStore: { consume: async () => true },
      });

    test('binds the signature to the request and the host of the URL', async (t) => {
      const { url, port, received } = await serve(t, text('{}'));
      assert.equal((await result({ url, scheme, path: '/v1/models?a=1' }, terminal)).exitCode, 0);
      assert.equal((await result({ url, scheme, path: '/v1/completions', body }, terminal)).exitCode, 0);
      for (const request of received) {
        assert.equal(request.headers['x-signature'], undefined);
        const verified = await verifiedAt(request, `127.0.0.1:${port}`);
        assert.ok(verified.ok, JSON.stringify(verified));
        assert.equal(verified.address, gatewayKey.checksumAddress.toLowerCase());
        assert.equal(verified.params.expires - verified.params.created, 60);
        assert.equal((await verifiedAt(request, `127.0.0.1:${port + 1}`)).ok, false);
      }
    });

    test('names the chain of this home, another on request, else Base Sepolia', async (t) => {
      const { url, received } = await serve(t, text('{}'));
      const home = await temporaryFolder(t);
      writeHome(home, { config: `${required}chainId: 7\n`, modelBackend: oneModel });
      await result({ url, scheme }, terminal);
      await result({ url, scheme, home });
      await result({ url, scheme, home, chainId: 8453 });
      const chains = received.map(
        ({ headers }) => /erc8128:(\d+):/.exec(String(headers['signature-input']))?.[1],
      );
      assert.deepEqual(chains, ['84532', '7', '8453']);
    });

    test('signs once more, dated later, when the node has only just started', async (t) => {
      const { url, received } = await serve(t, expired, text('{}'));
      assert.equal((await result({ url, scheme }, terminal)).exitCode, 0);
      const inputs = received.map(({ headers }) => String(headers['signature-input']));
      const [first, second] = inputs.map((input) => Number(/created=(\d+)/.exec(input)?.[1]));
      assert.ok(second! > first!);
      const nonces = inputs.map((input) => /nonce="(\w+)"/.exec(input)?.[1]);
      assert.notEqual(nonces[0], nonces[1]);
    });
  });

  test('does not sign a third time', async (t) => {
    const { url, received } = await serve(t, expired);
    const { exitCode, out } = await result({ url });
    assert.equal(exitCode, 1);
    assert.match(out, /auth_expired/);
    assert.equal(received.length, 2);
  });

  const chatPath = '/v1/chat/completions';
  const eventStream = `${chunk('Hel')}${chunk('lo')}data: [DONE]\n\n`;

  test('prints the words of a chat on a terminal, the bytes elsewhere or with --raw', async (t) => {
    const { url } = await serve(t, text(eventStream, 200, 'text/event-stream'));
    const chat = { url, path: chatPath, body: '{}' };
    assert.equal((await result(chat, { isTTY: true })).out, 'Hello\n');
    assert.equal((await result({ ...chat, raw: true }, { isTTY: true })).out, eventStream);
    assert.equal((await result(chat)).out, eventStream);
  });

  test('prints what has come before the rest is there', async (t) => {
    let sendRest = (): void => assert.fail('nothing was asked');
    const { url } = await serve(t, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk('first'));
      sendRest = () => void response.end(chunk('second'));
    });
    let early: string | undefined;
    const onOut = (printed: string): void => {
      if (early !== undefined) return;
      early = printed;
      sendRest();
    };
    const { exitCode, out } = await result({ url, path: chatPath, body: '{}' }, { isTTY: true, onOut });
    assert.equal(exitCode, 0);
    assert.equal(early, 'first');
    assert.equal(out, 'firstsecond\n');
  });

  test('a stream that ends with an error ends with 1', async (t) => {
    const broken = `${chunk('Hel')}data: {"error":{"message":"The backend broke off."}}\n\n`;
    const { url } = await serve(t, text(broken, 200, 'text/event-stream'));
    const { exitCode, err } = await result({ url, path: chatPath, body: '{}' });
    assert.equal(exitCode, 1);
    assert.match(err, /The answer ended with an error: The backend broke off\.\n$/);
  });

  test('an answer that is cut off ends with 1', async (t) => {
    const { url } = await serve(t, (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const { exitCode, out, err } = await result({ url });
    assert.equal(exitCode, 1);
    assert.equal(out, 'half');
    assert.match(err, /The connection broke before the answer was complete/);
  });

  test('says in words that nothing listens', async () => {
    const { exitCode, err } = await result({ url: 'http://127.0.0.1:1' });
    assert.equal(exitCode, 1);
    assert.match(err, /^Cannot reach http:\/\/127\.0\.0\.1:1: nothing listens there/);
  });

  test('says that a port does not speak TLS', async (t) => {
    const { url } = await serve(t, text('{}'));
    const { exitCode, err } = await result({ url: url.replace('http:', 'https:') });
    assert.equal(exitCode, 1);
    assert.match(err, /does not speak TLS; use http:\/\//);
  });

  test('Ctrl-C breaks off while the answer streams', async (t) => {
    const { url } = await serve(t, (response) => void response.writeHead(200).write('begun'));
    const onOut = (): void => interruption.abort();
    const { exitCode, printed, interruption } = await sendWith({ url }, { onOut });
    assert.equal(await exitCode, 130);
    assert.match(printed.err, /Broken off\.\n$/);
  });

  test('Ctrl-C breaks off while no answer comes', async (t) => {
    const { url } = await serve(t, () => interruption.abort());
    const { exitCode, interruption } = await sendWith({ url });
    assert.equal(await exitCode, 130);
  });
});

describe('the key of fxn send', () => {
  test("is this home's key and the node is this home's node unless told", async (t) => {
    const { port, received } = await serve(t, text('{}'));
    const home = await temporaryFolder(t);
    writeHome(home, { config: `${required}node: { listenPort: ${port}, listenAddress: 0.0.0.0 }\n` });
    const key = await writeKeyFile(join(home, 'nodekey.json'), bytesOf(gatewayKey.privateKeyHex));
    const { exitCode, err } = await result({ home, key: undefined });
    assert.equal(exitCode, 0, err);
    assert.equal(signerOf(received[0]!), key.address);
  });

  test('is unlocked with the password from the environment or a file', async (t) => {
    const { url, received } = await serve(t, text('{}'));
    const folder = await temporaryFolder(t);
    const [key, passwordFile] = [join(folder, 'gateway.json'), join(folder, 'password')];
    const options = { password: 'secret', scryptCost: { n: 2, r: 8, p: 1 } };
    await writeKeyFile(key, bytesOf(gatewayKey.privateKeyHex), options);
    await writeFile(passwordFile, 'secret\n', { mode: 0o600 });
    assert.equal((await result({ url, key }, { env: { FXN_KEY_PASSWORD: 'secret' } })).exitCode, 0);
    assert.equal((await result({ url, key, passwordFile })).exitCode, 0);
    assert.equal(signerOf(received[1]!), gatewayKey.checksumAddress.toLowerCase());
    const locked = await result({ url, key });
    assert.equal(locked.exitCode, 2);
    assert.match(locked.err, /encrypted and there is no terminal/);
  });

  test('is not repeated when it is mistyped', async () => {
    for (const key of [
      `0x${gatewayKey.privateKeyHex}0`,
      gatewayKey.privateKeyHex.slice(1),
      `0x${'zz'.repeat(32)}`,
    ]) {
      const { exitCode, err } = await result({ url: 'http://127.0.0.1:1', key });
      assert.equal(exitCode, 2);
      assert.ok(!err.includes(key.slice(2)), err);
    }
  });
});

describe('fxn send called wrongly ends with 2', () => {
  const misuses: readonly (readonly [what: string, options: Partial<SendOptions>, sentence: RegExp])[] = [
    ['a path without its slash', { path: 'v1/models' }, /begins with a slash: \/v1\/models/],
    ['a URL for a path', { path: 'http://x/v1/models' }, /the rest goes into --url/],
    ['a URL of another protocol', { url: 'ftp://x' }, /starts with http/],
    ['a method that is none', { url: 'http://x', method: 'GET /' }, /-X takes an HTTP method/],
    ['a key of zeros', { url: 'http://x', key: `0x${'00'.repeat(32)}` }, /outside the range/],
    ['a chain that is none', { url: 'http://x', scheme: 'rfc9421', chainId: 0.5 }, /--chain-id is a number/],
    [
      'a body file that is not there',
      { url: 'http://x', body: '@/no/such/file' },
      /\/no\/such\/file cannot be read/,
    ],
    ['a home without configuration', { home: '/no/such/home' }, /--url and --key/],
  ];
  for (const [what, options, sentence] of misuses) {
    test(what, async () => {
      const { exitCode, err } = await result(options);
      assert.equal(exitCode, 2);
      assert.match(err, sentence);
    });
  }

  test('a home whose configuration does not hold', async (t) => {
    const home = await temporaryFolder(t);
    writeHome(home, { config: `${required}colour: red\n`, modelBackend: oneModel });
    const { exitCode, err } = await result({ home });
    assert.equal(exitCode, 2);
    assert.match(err, /config\.yaml:5:1: colour/);
  });
});

describe("the URL of this home's node", () => {
  const node = { listenAddress: '127.0.0.1', listenPort: 8080, publicUrl: '', tls: { certFile: '' } };
  const urlOf = (changes: Partial<typeof node>): string =>
    homeNodeUrl({ node: { ...node, ...changes } } as Parameters<typeof homeNodeUrl>[0]);

  test('is loopback when the node listens everywhere', () => {
    assert.equal(urlOf({}), 'http://127.0.0.1:8080');
    assert.equal(urlOf({ listenAddress: '0.0.0.0' }), 'http://127.0.0.1:8080');
    assert.equal(urlOf({ listenAddress: '::' }), 'http://[::1]:8080');
    assert.equal(urlOf({ listenAddress: '10.0.0.7' }), 'http://10.0.0.7:8080');
  });

  test('is the name of the certificate with TLS', () => {
    const tls = { certFile: '/cert.pem' };
    assert.equal(urlOf({ tls, publicUrl: 'https://node.example' }), 'https://node.example');
    assert.equal(urlOf({ tls }), 'https://127.0.0.1:8080');
  });

  test('is not known when the port is another one at every start', () => {
    assert.throws(
      () => urlOf({ listenPort: 0 }),
      (thrown) => thrown instanceof UsageError && /--url/.test(thrown.message),
    );
  });
});
