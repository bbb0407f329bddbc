/**
 * Requests bound to their recipient (`rfc9421`) at the real node: accepted on every signed route from independent
 * signers, and of no use anywhere else, at any other time, or twice.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createSignerClient, type EthHttpSigner } from '@slicekit/erc8128';
import { httpbis } from 'http-message-signatures';
import { eventually } from '../support/bypassNode.js';
import { type Caller, createCaller, testChainId } from '../support/caller.js';
import { createNodeClock } from '../support/nodeClock.js';
import { temporaryHome } from '../support/nodeProcess.js';
import { openRaw, requestHead, sendAtOnce } from '../support/rawConnection.js';
import { type MessageOptions, type MessageRequest, nowS } from '../support/signedMessage.js';
import { startTestNode, type TestNode } from '../support/testNode.js';
import {
  type Answer,
  chatBody,
  chatPath,
  modelsPath,
  type SendOptions,
  send,
  startTestStand,
  type TestStand,
} from '../support/testStand.js';

const fronts = 4;
const copies = 50;
const publicName = 'node.example.com';
const otherName = 'gateway-7.example.com:8443';
const challenge = JSON.stringify({ type: 'NONE', payload: {} });

describe('requests signed for their recipient', () => {
  let stand: TestStand;
  let port = 0;
  let authority = '';

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: fronts } } });
    port = stand.node.port;
    authority = `127.0.0.1:${port}`;
  });
  after(() => stand?.close());

  interface Attempt extends Partial<MessageRequest> {
    readonly caller?: Caller;
    readonly options?: MessageOptions;
    /** What is sent otherwise than it was signed. */
    readonly sent?: SendOptions;
    readonly change?: (headers: Record<string, string>) => Record<string, string>;
  }
  const ask = async (attempt: Attempt = {}): Promise<Answer> => {
    const { caller = stand.gateway, options = {}, sent = {}, change = (h) => h, ...request } = attempt;
    const { body = '', target = modelsPath } = request;
    const headers = change(await caller.signMessage({ authority, target, ...request }, options));
    const method = request.method ?? (body.length > 0 ? 'POST' : 'GET');
    return send(port, { method, path: target, body, headers, ...sent });
  };
  const codeOf = async (attempt: Attempt = {}): Promise<string | number> => {
    const answer = await ask(attempt);
    return answer.code ?? answer.status;
  };

  describe('are accepted', () => {
    const routes: Readonly<Record<string, Attempt>> = {
      'GET /v1/models': {},
      'POST /v1/models': { method: 'POST' },
      'GET /v1/models/{id}': { target: `${modelsPath}/m` },
      'GET /v1/models?query': { target: `${modelsPath}?after=a%20b&limit=2` },
      'POST /v1/chat/completions': { target: chatPath, body: chatBody },
      'POST /v1/completions': { target: '/v1/completions', body: chatBody },
      'POST /v1/embeddings with a query': { target: '/v1/embeddings?x=1', body: chatBody },
    };
    for (const [route, attempt] of Object.entries(routes)) {
      it(`on ${route}`, async () => {
        assert.equal((await ask(attempt)).status, 200);
      });
    }

    it('on /challenge from the scheduler, and from nobody else', async () => {
      const request = { target: '/challenge', body: challenge };
      assert.equal(await codeOf({ ...request, caller: stand.scheduler }), 'unknown_type');
      assert.equal(await codeOf(request), 'auth_unknown_caller');
    });

    it('with components in another order, under another label, with more covered', async () => {
      const components = [
        'accept',
        '@path',
        '@scheme',
        '@target-uri',
        '@authority',
        '@request-target',
        '@method',
      ];
      const options = { components, label: 'x-9', more: { accept: 'text/html, */*' } };
      assert.equal((await ask({ options })).status, 200);
    });

    it('with the keyid in checksum case, v as 0 or 1, alg named, and a tag', async () => {
      const keyid = `erc8128:${testChainId}:${stand.gateway.address}`;
      const options = { keyid, alg: 'eip191-secp256k1', parameters: { tag: '"fxn"' } };
      for (let i = 0; i < 4; i++) {
        const change = (headers: Record<string, string>): Record<string, string> => {
          const bytes = Buffer.from(headers['signature']!.slice(6, -1), 'base64');
          bytes[64] = bytes[64]! - 27;
          return { ...headers, signature: `sig1=:${bytes.toString('base64')}:` };
        };
        assert.equal((await ask({ options, change })).status, 200);
      }
    });

    it('whatever legacy headers stand beside them', async () => {
      const change = (headers: Record<string, string>): Record<string, string> => ({
        ...headers,
        'x-address': 'nobody',
        'x-nonce': '',
      });
      assert.equal((await ask({ change })).status, 200);
    });

    it('with the Host in any letter case', async () => {
      const named = await startTestNode({
        ...stand.nodeOptions,
        config: { auth: { authorities: ['Node.Example.com'] } },
      });
      try {
        await named.waitForReady();
        const headers = await stand.gateway.signMessage({ authority: publicName, target: modelsPath });
        const answer = await send(named.port, { headers: { ...headers, host: 'NODE.example.COM' } });
        assert.equal(answer.status, 200, answer.body);
      } finally {
        await named.close();
      }
    });

    it('beside signatures for other readers', async () => {
      const other = await createCaller().signMessage(
        { authority, target: modelsPath },
        { label: 'other', chainId: 1 },
      );
      const change = (headers: Record<string, string>): Record<string, string> => ({
        ...headers,
        'signature-input': `${other['signature-input']}, ${headers['signature-input']}`,
        signature: `${headers['signature']}, ${other['signature']}`,
      });
      assert.equal((await ask({ change })).status, 200);
    });
  });

  describe('made by other implementations are accepted', () => {
    const erc8128 = (): EthHttpSigner => ({
      address: stand.gateway.address,
      chainId: testChainId,
      signMessage: async (message) =>
        `0x${Buffer.from(await stand.gateway.personalSign(message)).toString('hex')}`,
    });

    it('@slicekit/erc8128', async () => {
      const client = createSignerClient(erc8128());
      const url = `http://${authority}`;
      assert.equal((await client.fetch(`${url}${modelsPath}`)).status, 200);
      assert.equal((await client.fetch(`${url}${modelsPath}?limit=1&after=x%2Fy`)).status, 200);
      const post = { method: 'POST', body: chatBody, headers: { 'content-type': 'application/json' } };
      assert.equal((await client.fetch(`${url}${chatPath}`, post)).status, 200);
      const more = { components: ['content-type'], label: 'mine', ttlSeconds: 20 };
      assert.equal((await client.fetch(`${url}${chatPath}`, post, more)).status, 200);
    });

    it('@slicekit/erc8128, but not what it calls replayable or bound to a class of requests', async () => {
      const client = createSignerClient(erc8128());
      const url = `http://${authority}${modelsPath}`;
      assert.equal((await client.fetch(url, { replay: 'replayable' })).status, 401);
      assert.equal(
        (await client.fetch(url, { binding: 'class-bound', components: ['@authority'] })).status,
        401,
      );
    });

    it('http-message-signatures', async () => {
      const digest = (await stand.gateway.signMessage({ authority, target: chatPath, body: chatBody }))[
        'content-digest'
      ]!;
      const created = new Date(nowS() * 1_000);
      const signed = await httpbis.signMessage(
        {
          key: {
            id: `erc8128:${testChainId}:${stand.gateway.address.toLowerCase()}`,
            sign: async (base) => Buffer.from(await stand.gateway.personalSign(base)),
          },
          name: 'gateway',
          fields: [
            '@method',
            '@target-uri',
            '@authority',
            '@path',
            '@query',
            'content-digest',
            'content-type',
          ],
          params: ['keyid', 'nonce', 'created', 'expires', 'tag'],
          paramValues: {
            created,
            expires: new Date(created.getTime() + 45_000),
            nonce: 'n "quoted" \\ 1',
            tag: 'app',
          },
        },
        {
          method: 'POST',
          url: `http://${authority}${chatPath}?a=1`,
          headers: { 'content-type': 'application/json', 'content-digest': digest },
        },
      );
      const headers = signed.headers as Record<string, string>;
      const answer = await send(port, {
        path: `${chatPath}?a=1`,
        body: chatBody,
        headers: { ...headers, host: authority },
      });
      assert.equal(answer.status, 200, answer.body);
    });
  });

  it('made by fxn send are accepted', async (t) => {
    const key = randomBytes(32).toString('hex');
    await stand.network.gateways.register(createCaller(key).address);
    const home = temporaryHome(t);
    const program = fileURLToPath(import.meta.resolve('#dist/cli/fxn.js'));
    const args = [
      'send',
      chatPath,
      chatBody,
      '--scheme',
      'rfc9421',
      '--url',
      stand.node.url,
      '--key',
      `0x${key}`,
    ];
    await eventually(
      async () => {
        const child = spawn(process.execPath, [program, ...args, '--home', home], { stdio: 'ignore' });
        const [exitCode] = (await once(child, 'close')) as [number];
        return exitCode;
      },
      (exitCode) => exitCode === 0,
    );
  });

  describe('captured, are refused', () => {
    const captured: Readonly<Record<string, readonly [code: string, attempt: Attempt]>> = {
      'with another method': ['auth_bad_signature', { sent: { method: 'POST' } }],
      'with another path': ['auth_bad_signature', { sent: { path: `${modelsPath}/m` } }],
      'with another spelling of the path': ['auth_bad_signature', { sent: { path: '/v1/model%73' } }],
      'with a query that was not there': ['auth_malformed', { sent: { path: `${modelsPath}?a=1` } }],
      'with another query': [
        'auth_bad_signature',
        { target: `${modelsPath}?a=1`, sent: { path: `${modelsPath}?a=2` } },
      ],
      'without their query': [
        'auth_bad_signature',
        { target: `${modelsPath}?a=1`, sent: { path: modelsPath } },
      ],
      'with another body': [
        'auth_bad_signature',
        { target: chatPath, body: chatBody, sent: { body: chatBody.replace('"m"', '"M"') } },
      ],
      'with a body that was not there': ['auth_malformed', { method: 'POST', sent: { body: chatBody } }],
      'without their body': ['auth_bad_signature', { target: chatPath, body: chatBody, sent: { body: '' } }],
      'under another Host': ['auth_malformed', { change: (h) => ({ ...h, host: 'localhost' }) }],
      'under another port': ['auth_malformed', { change: (h) => ({ ...h, host: '127.0.0.1:1' }) }],
      'that were made for another host, sent under this one': [
        'auth_bad_signature',
        { authority: publicName, change: (h) => ({ ...h, host: `127.0.0.1:${port}` }) },
      ],
      'that were made for another host, sent under that': ['auth_malformed', { authority: publicName }],
      'that were made on another chain': ['auth_malformed', { options: { chainId: 1 } }],
      'with the keyid of this chain put in': [
        'auth_bad_signature',
        {
          options: { chainId: 8453 },
          change: (h) => ({ ...h, 'signature-input': h['signature-input']!.replace('8453', '84532') }),
        },
      ],
      'with a covered header changed': [
        'auth_bad_signature',
        { options: { more: { accept: 'a' } }, change: (h) => ({ ...h, accept: 'b' }) },
      ],
      'with a covered header left out': [
        'auth_malformed',
        { options: { more: { 'x-app': 'a' } }, change: ({ 'x-app': _, ...h }) => h },
      ],
    };
    for (const [what, [code, attempt]] of Object.entries(captured)) {
      it(what, async () => {
        assert.equal(await codeOf(attempt), code);
      });
    }

    it('by another node of the network', async () => {
      const other = await startTestNode(stand.nodeOptions);
      try {
        await other.waitForReady();
        const headers = await stand.gateway.signMessage({ authority, target: modelsPath });
        assert.equal((await send(other.port, { headers })).code, 'auth_malformed');
        const renamed = { ...headers, host: `127.0.0.1:${other.port}` };
        assert.equal((await send(other.port, { headers: renamed })).code, 'auth_bad_signature');
        assert.equal((await send(port, { headers })).status, 200, 'it was good where it was meant for');
      } finally {
        await other.close();
      }
    });

    it(`${copies} times at once over ${fronts} fronts: one is served`, async () => {
      const signed = await stand.gateway.signMessage({ authority, target: modelsPath });
      const { host: _, ...headers } = signed;
      const head = requestHead('GET', modelsPath, Object.entries(headers)).replace(
        'host: node',
        `host: ${authority}`,
      );
      const answers = await sendAtOnce(port, head, copies);
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      assert.equal(answers.filter(({ code }) => code === 'auth_replayed').length, copies - 1);
    });

    it('under another label or with other spacing: a copy is a copy', async () => {
      const headers = await stand.gateway.signMessage({ authority, target: modelsPath });
      assert.equal((await send(port, { headers })).status, 200);
      const relabelled = {
        ...headers,
        'signature-input': headers['signature-input']!.replace('sig1=', 'z=').replace('" "', '"   "'),
        signature: headers['signature']!.replace('sig1=', 'z='),
      };
      assert.equal((await send(port, { headers: relabelled })).code, 'auth_replayed');
    });

    it('as legacy requests: a nonce counts once over all schemes', async () => {
      const nonce = `shared-${nowS()}`;
      assert.equal(await codeOf({ options: { nonce } }), 200);
      const headers = await stand.gateway.sign('', { nonce });
      assert.equal((await send(port, { headers })).code, 'auth_replayed');
    });
  });

  describe('out of their time are refused', () => {
    const times: Readonly<Record<string, () => MessageOptions>> = {
      'made too long ago': () => ({ created: nowS() - 62, expires: nowS() - 2 }),
      'made too long ago and stretched': () => ({ created: nowS() - 62, expires: nowS() + 30 }),
      'made in the future': () => ({ created: nowS() + 60, expires: nowS() + 90 }),
      expired: () => ({ created: nowS() - 20, expires: nowS() - 1 }),
      'expiring now': () => ({ created: nowS() - 20, expires: nowS() }),
      'valid for longer than auth.maxAge': () => ({ created: nowS(), expires: nowS() + 61 }),
    };
    for (const [what, options] of Object.entries(times)) {
      it(what, async () => {
        assert.equal(await codeOf({ options: options() }), 'auth_expired');
      });
    }

    it('valid for all of auth.maxAge they are accepted', async () => {
      const created = nowS();
      assert.equal(await codeOf({ options: { created, expires: created + 60 } }), 200);
    });
  });

  describe('with faulty headers are refused', () => {
    const change =
      (name: string, edit: (value: string) => string): NonNullable<Attempt['change']> =>
      (headers) => ({ ...headers, [name]: edit(headers[name]!) });
    const faulty: Readonly<Record<string, readonly [code: string, attempt: Attempt]>> = {
      'without Signature': ['auth_missing', { change: ({ signature: _, ...rest }) => rest }],
      'that are no structured field': [
        'auth_malformed',
        { change: change('signature-input', (v) => `${v},`) },
      ],
      'with a label twice': ['auth_malformed', { change: change('signature-input', (v) => `${v}, ${v}`) }],
      'with a signature twice': ['auth_malformed', { change: change('signature', (v) => `${v}, ${v}`) }],
      'with two signatures for this node': [
        'auth_malformed',
        {
          change: (h) => ({
            ...h,
            'signature-input': `${h['signature-input']}, ${h['signature-input']!.replace('sig1', 'sig2')}`,
            signature: `${h['signature']}, ${h['signature']!.replace('sig1', 'sig2')}`,
          }),
        },
      ],
      'of 5,000 bytes': [
        'auth_malformed',
        { change: change('signature-input', (v) => `${v}, ${'x'.repeat(5_000)}`) },
      ],
      'of 5,000 bytes of signature': [
        'auth_malformed',
        { change: change('signature', (v) => `${v}, ${'x'.repeat(5_000)}`) },
      ],
      'under another label than the signature': [
        'auth_malformed',
        { change: change('signature', (v) => v.replace('sig1', 'sig2')) },
      ],
      'with another alg': ['auth_malformed', { options: { alg: 'hmac-sha256' } }],
      'with a keyid of another form': ['auth_malformed', { options: { keyid: 'test-key' } }],
      'with a session, which this node does not take': [
        'auth_missing',
        { options: { keyid: `fxn-session:${'0'.repeat(32)}` } },
      ],
      'with a component that is not known': ['auth_malformed', { options: { more: { '@status': '200' } } }],
    };
    for (const name of ['@method', '@authority', '@path', '@query', 'content-digest']) {
      const all = ['@method', '@authority', '@path', '@query', 'content-digest'];
      const components = all.filter((other) => other !== name);
      it(`that do not cover ${name}`, async () => {
        const request = { target: `${chatPath}?a=1`, body: chatBody };
        assert.equal(await codeOf({ ...request, options: { components } }), 'auth_malformed');
        assert.equal(await codeOf({ ...request, options: { components: all } }), 200);
      });
    }
    for (const name of ['created', 'expires', 'nonce', 'keyid']) {
      it(`without ${name}`, async () => {
        const code = await codeOf({ options: { parameters: { [name]: undefined } } });
        assert.equal(code, 'auth_malformed');
      });
    }
    for (const [what, [code, attempt]] of Object.entries(faulty)) {
      it(what, async () => {
        assert.equal(await codeOf(attempt), code);
      });
    }

    it('before a body is sent for', async () => {
      const signed = await createCaller().signMessage({ authority, target: chatPath, body: chatBody });
      const cases: [code: string, headers: Record<string, string>][] = [
        ['auth_unknown_caller', signed],
        ['auth_malformed', { ...signed, host: 'elsewhere' }],
        ['auth_malformed', { ...signed, 'content-digest': 'sha-256=:AA==:' }],
      ];
      for (const [code, headers] of cases) {
        const raw = await openRaw(port);
        const { host, ...rest } = headers;
        const pairs = [...Object.entries(rest), ['content-length', '99999'] as const];
        raw.send(requestHead('POST', chatPath, pairs).replace('host: node', `host: ${host}`));
        assert.equal((await raw.answer()).code, code);
        raw.destroy();
      }
    });
  });

  it('of a caller that no registry knows are refused', async () => {
    assert.equal(await codeOf({ caller: createCaller() }), 'auth_unknown_caller');
    const keyid = `erc8128:${testChainId}:${stand.gateway.address.toLowerCase()}`;
    assert.equal(await codeOf({ caller: createCaller(), options: { keyid } }), 'auth_bad_signature');
  });
});

describe('the names and schemes of a node', () => {
  let stand: TestStand;
  let node: TestNode;

  before(async () => {
    stand = await startTestStand({ config: { node: { threads: 1 }, auth: { schemes: ['legacy'] } } });
    node = await startTestNode({
      ...stand.nodeOptions,
      config: {
        node: { threads: 1, publicUrl: `https://${publicName}/` },
        auth: { schemes: ['rfc9421'], authorities: [otherName] },
      },
    });
    await node.waitForReady();
  });
  after(async () => {
    await node?.close();
    await stand?.close();
  });

  const ask = async (port: number, authority: string, host = authority): Promise<string | number> => {
    const headers = await stand.gateway.signMessage({ authority, target: modelsPath });
    const answer = await send(port, { headers: { ...headers, host } });
    return answer.code ?? answer.status;
  };

  it('are its public URL and auth.authorities, with and without the default port', async () => {
    assert.equal(await ask(node.port, publicName), 200);
    assert.equal(await ask(node.port, publicName, `${publicName}:443`), 200);
    assert.equal(await ask(node.port, publicName, `${publicName}:80`), 'auth_malformed');
    assert.equal(await ask(node.port, otherName), 200);
    assert.equal(await ask(node.port, 'gateway-7.example.com'), 'auth_malformed');
  });

  it('are not where it listens when it has others', async () => {
    assert.equal(await ask(node.port, `127.0.0.1:${node.port}`), 'auth_malformed');
  });

  it('are missed, with a warning, when it listens everywhere and is told none', async () => {
    const nameless = await startTestNode({
      ...stand.nodeOptions,
      config: { node: { threads: 1, listenAddress: '0.0.0.0' } },
    });
    try {
      const line = await nameless.waitForLog(({ msg }) => msg?.startsWith('this node has no name') ?? false);
      assert.equal(line.level, 'warn');
      assert.equal(await ask(nameless.port, `127.0.0.1:${nameless.port}`), 'auth_malformed');
      await nameless.waitForReady();
      assert.equal((await send(nameless.port, { headers: await stand.gateway.sign('') })).status, 200);
    } finally {
      await nameless.close();
    }
  });

  it('it has no legacy scheme unless configured', async () => {
    const answer = await send(node.port, { headers: await stand.gateway.sign('') });
    assert.deepEqual([answer.status, answer.code], [401, 'auth_missing']);
    assert.match(answer.body, /Signature-Input/);
  });

  it('it has no message signatures unless configured, and then heeds none', async () => {
    const port = stand.node.port;
    assert.equal(await ask(port, `127.0.0.1:${port}`), 'auth_missing');
    const both = {
      ...(await stand.gateway.signMessage({ authority: `127.0.0.1:${port}`, target: modelsPath })),
      ...(await stand.gateway.sign('')),
    };
    assert.equal((await send(port, { headers: both })).status, 200);
  });
});

describe('the time of a request signed for its recipient', () => {
  const clock = createNodeClock();
  const startS = nowS();
  let stand: TestStand;

  before(async () => {
    clock.stopAt(startS);
    stand = await startTestStand({ env: clock.env, pastReplayMark: false, config: { node: { threads: 2 } } });
  });
  after(async () => {
    await stand?.close();
    clock.remove();
  });

  const sign = (options: MessageOptions): Promise<Record<string, string>> =>
    stand.gateway.signMessage({ authority: `127.0.0.1:${stand.node.port}`, target: modelsPath }, options);
  const codeOf = async (headers: Record<string, string>): Promise<string | number> => {
    const answer = await send(stand.node.port, { headers });
    return answer.code ?? answer.status;
  };

  it('begins behind the second in which the node started', async () => {
    assert.equal(await codeOf(await sign({ created: startS, expires: startS + 60 })), 'auth_expired');
    assert.equal(await codeOf(await sign({ created: startS + 1, expires: startS + 60 })), 200);
  });

  // The clock goes forward only: what it freed behind itself stays refused.
  for (const [what, created, expires, laterS] of [
    ['of a short validity', 0, 3, 100],
    ['of the longest one', 0, 60, 200],
    ['dated ahead', 30, 90, 300],
  ] as const) {
    it(`ends with expires, and until then a copy is a copy: ${what}`, async () => {
      const atS = startS + laterS;
      clock.stopAt(atS);
      await stand.node.waitForReady();
      const headers = await sign({ created: atS + created, expires: atS + expires });
      assert.equal(await codeOf(headers), 200);
      clock.stopAt(atS + expires - 1);
      assert.equal(await codeOf(headers), 'auth_replayed');
      const unused = await sign({ created: atS + created, expires: atS + expires });
      assert.equal(await codeOf(unused), 200);
      clock.stopAt(atS + expires);
      assert.equal(await codeOf(headers), 'auth_expired');
    });
  }

  it('reaches auth.maxSkew ahead and no further', async () => {
    const atS = startS + 500;
    clock.stopAt(atS);
    await stand.node.waitForReady();
    assert.equal(await codeOf(await sign({ created: atS + 30, expires: atS + 60 })), 200);
    assert.equal(await codeOf(await sign({ created: atS + 31, expires: atS + 60 })), 'auth_expired');
  });
});

describe('requests signed for their recipient, without the native library', () => {
  it('are checked in the compute pool', async () => {
    const stand = await startTestStand({
      entry: fileURLToPath(import.meta.resolve('#test/support/poolNode.js')),
      config: { node: { threads: 1 } },
    });
    try {
      const { port } = stand.node;
      const request = { authority: `127.0.0.1:${port}`, target: chatPath, body: chatBody };
      const headers = await stand.gateway.signMessage(request);
      const sent = { path: chatPath, body: chatBody };
      assert.equal((await send(port, { ...sent, headers })).status, 200);
      assert.equal((await send(port, { ...sent, headers })).code, 'auth_replayed');
      const forged = await createCaller().signMessage(request, {
        keyid: `erc8128:${testChainId}:${stand.gateway.address.toLowerCase()}`,
      });
      assert.equal((await send(port, { ...sent, headers: forged })).code, 'auth_bad_signature');
    } finally {
      await stand.close();
    }
  });
});
