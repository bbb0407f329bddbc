/** Who may ask the console for what: tokens, sessions, other sites, other names. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { StatusDocument } from '#src/console/statusDocument.js';
import { eventually, startBypassNode } from '../support/bypassNode.js';
import { askConsole, consoleToken, cookieOf, pageHeaders, signIn } from '../support/consoleClient.js';
import { type Answer, type SendOptions, send } from '../support/httpClient.js';
import { startTestBackend, type TestBackend } from '../support/testBackend.js';
import type { TestNode } from '../support/testNode.js';

const codeOf = ({ text }: Answer): string | undefined =>
  (JSON.parse(text) as { error?: { code: string } }).error?.code;

describe('access to the console', () => {
  let backend: TestBackend;
  let node: TestNode;
  let token: string;
  before(async () => {
    backend = await startTestBackend((_request, response) => void response.end());
    node = await startBypassNode({
      modelBackends: {
        models: [{ name: 'm', backends: [{ url: backend.url, apiKey: 'backend-secret-1' }] }],
      },
      config: { admin: { listenPort: 0, hosts: ['box.lan'] } },
    });
    token = await consoleToken(node);
  });
  after(async () => {
    await node?.close();
    await backend?.close();
  });

  const ask = (path: string, options?: SendOptions): Promise<Answer> =>
    send(`${node.adminUrl}${path}`, options);
  const session = async (): Promise<string> => cookieOf(await signIn(node, token));

  it('has a token of 256 bits that only the operator can read', () => {
    assert.match(token, /^[\w-]{43}$/);
    assert.equal(statSync(join(node.home, 'console-token')).mode & 0o777, 0o600);
  });

  for (const path of ['/status', '/status/history', '/console/configuration']) {
    it(`tells a stranger nothing at ${path}`, async () => {
      const answer = await ask(path);
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'console_login_required']);
      const guessed = await ask(path, {
        headers: { cookie: `fxn-console-${node.adminPort}=${'x'.repeat(43)}` },
      });
      assert.equal(guessed.status, 401);
    });
  }

  for (const path of ['/console/reload', '/console/drain']) {
    it(`does nothing for a stranger at ${path}`, async () => {
      const answer = await ask(path, { method: 'POST', headers: pageHeaders(node) });
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'console_login_required']);
    });
  }

  it('leaves /metrics, /health and /ready open', async () => {
    for (const path of ['/metrics', '/health']) assert.equal((await ask(path)).status, 200, path);
    assert.equal((await ask('/ready', { headers: { host: 'prometheus.example:9090' } })).status, 503);
  });

  it('lets a program in that has read the token', async () => {
    const status = await askConsole<StatusDocument>(node, '/status');
    assert.equal(status.state, 'not_ready');
    assert.equal(status.identity.port, node.port);
    const wrong = await ask('/status', { headers: { authorization: 'Bearer wrong' } });
    assert.deepEqual([wrong.status, codeOf(wrong)], [401, 'console_token_wrong']);
  });

  it('gives a session for the token, in a cookie that no script and no other site gets', async () => {
    const answer = await signIn(node, `  ${token}\n`);
    assert.equal(answer.status, 200);
    const [cookie = '', ...more] = answer.headers['set-cookie'] ?? [];
    assert.deepEqual(more, []);
    assert.match(
      cookie,
      new RegExp(`^fxn-console-${node.adminPort}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
    );
    assert.ok(!answer.text.includes(token));
    assert.equal((await ask('/status', { headers: { cookie: cookieOf(answer) } })).status, 200);
  });

  it('marks the cookie as secure when the browser came through TLS', async () => {
    const headers = { host: 'box.lan', origin: 'https://box.lan', 'x-fxn-console': '1' };
    const answer = await signIn(node, token, headers);
    assert.match(answer.headers['set-cookie']?.[0] ?? '', /; Secure$/);
  });

  it('ends a session when its operator signs out', async () => {
    const cookie = await session();
    const out = await ask('/console/logout', { method: 'POST', headers: { ...pageHeaders(node), cookie } });
    assert.match(out.headers['set-cookie']?.[0] ?? '', /=; .*Max-Age=0/);
    assert.equal((await ask('/status', { headers: { cookie } })).status, 401);
  });

  for (const [who, headers] of [
    ['another site', { origin: 'http://attacker.example', 'x-fxn-console': '1' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1', 'x-fxn-console': '1' }],
    ['a form of another site', { origin: 'http://attacker.example' }],
    ['a form that hides where it is from', { origin: 'null' }],
    ['something without an origin', { 'x-fxn-console': '1' }],
  ] as const) {
    it(`refuses what ${who} makes a signed-in browser send`, async () => {
      const cookie = await session();
      for (const path of ['/console/reload', '/console/drain', '/console/logout', '/console/login']) {
        const answer = await ask(path, { method: 'POST', headers: { ...headers, cookie } });
        assert.deepEqual([answer.status, codeOf(answer)], [403, 'console_cross_site'], path);
      }
      assert.equal((await ask('/status', { headers: { cookie } })).status, 200);
    });
  }

  it('refuses a name that somebody else made resolve to this machine', async () => {
    const cookie = await session();
    for (const path of ['/', '/status', '/console/session', '/console/configuration']) {
      const answer = await ask(path, { headers: { cookie, host: `attacker.example:${node.adminPort}` } });
      assert.deepEqual([answer.status, codeOf(answer)], [421, 'console_host_unknown'], path);
    }
    for (const host of ['localhost', '[::1]:1', '10.0.0.1', `BOX.lan:${node.adminPort}`]) {
      assert.equal((await ask('/', { headers: { host } })).status, 200, host);
    }
  });

  it('tells browsers to run nothing but its own files, and to keep nothing', async () => {
    const page = await ask('/');
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(page.headers['cache-control'], 'no-cache');
    assert.doesNotMatch(page.text, /<style|style=|onload=|<script>|https?:\/\//);
    const cookie = await session();
    const status = await ask('/status', { headers: { cookie } });
    assert.equal(status.headers['cache-control'], 'no-store');
    assert.match(String(status.headers['content-security-policy']), /default-src 'none'/);
  });

  it('serves the files that the page names, for ever, and nothing else of the folder', async () => {
    const { text } = await ask('/');
    const files = [...text.matchAll(/(?:href|src)="(\/console\/[^"]+)"/g)].map((match) => match[1]!);
    assert.equal(files.length, 4);
    for (const file of files) {
      const answer = await ask(file);
      assert.equal(answer.status, 200, file);
      if (!file.endsWith('.svg')) assert.match(String(answer.headers['cache-control']), /immutable/);
      const again = await ask(file, { headers: { 'if-none-match': String(answer.headers.etag) } });
      assert.deepEqual([again.status, again.text], [304, '']);
    }
    for (const path of [
      '/console/../package.json',
      '/console/%2e%2e/main.js',
      '/console/none.js',
      '/console/',
    ]) {
      assert.equal((await ask(path)).status, 404, path);
    }
  });

  it('hides secrets in the configuration that it shows', async () => {
    const { modelBackends, config } = await askConsole<{ config: string; modelBackends: string }>(
      node,
      '/console/configuration',
    );
    assert.match(config, /bypassAuth: true/);
    assert.match(modelBackends, /apiKey: "?\[redacted\]/);
    assert.doesNotMatch(modelBackends, /backend-secret-1/);
  });

  it('answers other methods with 405', async () => {
    const answer = await ask('/status', { method: 'DELETE', headers: pageHeaders(node) });
    assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD']);
    const reload = await ask('/console/reload', { headers: pageHeaders(node) });
    assert.deepEqual([reload.status, reload.headers.allow], [405, 'POST']);
  });

  it('refuses large and broken bodies', async () => {
    const headers = pageHeaders(node);
    const large = await ask('/console/login', { headers, body: { token: 'x'.repeat(10_000) } });
    assert.deepEqual([large.status, codeOf(large)], [413, 'body_too_large']);
    const broken = await ask('/console/login', { headers, body: '{' });
    assert.deepEqual([broken.status, codeOf(broken)], [400, 'invalid_json']);
  });

  it('says nothing in its log about bodies that break off', async () => {
    const head = [
      'POST /console/login HTTP/1.1',
      `Host: 127.0.0.1:${node.adminPort}`,
      ...Object.entries(pageHeaders(node)).map(([name, value]) => `${name}: ${value}`),
      'Content-Length: 100',
    ];
    const linesBefore = node.log.length;
    for (let count = 0; count < 3; count++) {
      const socket = connect(node.adminPort, '127.0.0.1');
      await once(socket, 'connect');
      // Asked for so that the node is known to read the body when it breaks off.
      socket.write(`${head.join('\r\n')}\r\nExpect: 100-continue\r\n\r\n`);
      await once(socket, 'data');
      socket.write('{"token":');
      socket.resetAndDestroy();
    }
    // Written after all that the node had to say about those.
    assert.equal((await signIn(node, `again-${token}`)).status, 401);
    await eventually(
      () => node.log.slice(linesBefore),
      (lines) => lines.some(({ msg }) => msg === 'a wrong console token was tried'),
    );
    assert.deepEqual(
      node.log.slice(linesBefore).filter(({ level }) => level === 'error'),
      [],
    );
  });

  // Last, because it uses up the attempts of this machine.
  it('bounds how often wrong tokens are tried, and never keeps the right one out', async () => {
    const answers: Answer[] = [];
    for (let attempt = 0; attempt < 12; attempt++) answers.push(await signIn(node, `wrong-${attempt}`));
    assert.equal(answers[0]?.status, 401);
    const last = answers.at(-1)!;
    assert.deepEqual([last.status, codeOf(last)], [429, 'rate_limited']);
    assert.ok(Number(last.headers['retry-after']) >= 1);
    const bearer = await ask('/status', { headers: { authorization: `Bearer ${token}` } });
    assert.equal(bearer.status, 200);
    assert.equal((await signIn(node, token)).status, 200);
    // Nor does the right one forgive the wrong ones.
    const wrong = await ask('/status', { headers: { authorization: 'Bearer wrong' } });
    assert.equal(wrong.status, 429);
  });
});
