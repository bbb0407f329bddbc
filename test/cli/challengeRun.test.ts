/** `fxn challenge run` against a real HTTP server. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type ChallengeRunOptions, challengeRun } from '#src/cli/challengeRun.js';
import { required, writeHome } from '#test/config/configHome.js';
import { gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';
import { serveChallenges } from '#test/verifier/proverServer.js';
import { refusal } from '#test/verifier/scriptedProver.js';
import { type Terminal, terminalOf, typed } from './challengeTerminal.js';

const key = `0x${gatewayKey.privateKeyHex}`;
const identity = { status: 200, body: { publicKey: '0x12', gpuStats: null } };

function start(options: Partial<ChallengeRunOptions>, terminal?: Terminal) {
  const { io, printed, interruption } = terminalOf(terminal);
  const exitCode = challengeRun({ type: 'IDENTITY', key, scheme: 'legacy', ...options }, io);
  return { exitCode, printed, interruption };
}

async function result(options: Partial<ChallengeRunOptions>, terminal?: Terminal) {
  const { exitCode, printed } = start(options, terminal);
  return { exitCode: await exitCode, ...printed };
}

describe('fxn challenge run', () => {
  test('signs the challenge and prints the answer, with the figures beside it', async (t) => {
    const { url, received } = await serveChallenges(t, () => identity);
    const { exitCode, out, err } = await result({ node: `${url}/base/` });
    assert.equal(exitCode, 0);
    assert.equal(out, '{"publicKey":"0x12","gpuStats":null}\n');
    assert.match(err, /^200 OK {2}request id-1 {2}first byte \S+ m?s {2}total \S+ m?s {2}36 bytes\n$/);
    const [{ method, url: target, text, headers }] = received as [(typeof received)[number]];
    assert.deepEqual([method, target, text], ['POST', '/base/challenge', '{"type":"IDENTITY","payload":{}}']);
    assert.equal(headers['x-address'], gatewayKey.checksumAddress);
  });

  test('prints the answer over several lines on a terminal, in one with --json', async (t) => {
    const { url } = await serveChallenges(t, () => identity);
    const pretty = '{\n  "publicKey": "0x12",\n  "gpuStats": null\n}\n';
    assert.equal((await result({ node: url }, { isTTY: true })).out, pretty);
    const line = '{"publicKey":"0x12","gpuStats":null}\n';
    assert.equal((await result({ node: url, json: true }, { isTTY: true })).out, line);
  });

  test('sends a payload given as an argument, a file or standard input, as it was written', async (t) => {
    const { url, received } = await serveChallenges(t, () => identity);
    const file = join(await temporaryFolder(t), 'payload.json');
    // No double can hold the number.
    const payload = '{"n": 12345678901234567890, "text": "wörld"}';
    await writeFile(file, `${payload}\n`);
    for (const argument of [payload, `@${file}`, '-', '@-']) {
      const stdin = [payload.slice(0, 5), payload.slice(5)];
      assert.equal((await result({ node: url, payload: argument }, { stdin })).exitCode, 0);
      assert.equal(received.at(-1)!.text, `{"type":"IDENTITY","payload":${payload}}`);
    }
  });

  test('ends with 1 for a refusal, which it prints', async (t) => {
    const { url } = await serveChallenges(t, () => refusal(400, 'unknown_type'));
    const { exitCode, out, err } = await result({ node: url, type: 'NO "SUCH" TYPE' });
    assert.equal(exitCode, 1);
    assert.match(out, /"code":"unknown_type"/);
    assert.match(err, /^400 Bad Request/);
  });

  test('prints an answer that is no JSON as it is', async (t) => {
    const { url } = await serveChallenges(t, (_, response) => {
      response.writeHead(502).end('<html>');
      return undefined;
    });
    const { exitCode, out } = await result({ node: url }, { isTTY: true });
    assert.equal(exitCode, 1);
    assert.equal(out, '<html>\n');
  });

  test('ends with 1 when nothing listens, in words', async () => {
    const { exitCode, err } = await result({ node: 'http://127.0.0.1:1' });
    assert.equal(exitCode, 1);
    assert.match(err, /nothing listens there/);
  });

  test('Ctrl-C breaks off', async (t) => {
    const { url } = await serveChallenges(t, () => {
      interruption.abort();
      return undefined;
    });
    const { exitCode, interruption } = start({ node: url });
    assert.equal(await exitCode, 130);
  });

  test("asks this home's node unless told", async (t) => {
    const { url, received } = await serveChallenges(t, () => identity);
    const home = await temporaryFolder(t);
    writeHome(home, { config: `${required}node: { listenPort: ${new URL(url).port} }\n` });
    assert.equal((await result({ home })).exitCode, 0);
    assert.equal(received.length, 1);
  });

  test('is found by its words', async (t) => {
    const { url, received } = await serveChallenges(t, () => identity);
    const words = ['challenge', 'run', '--type', 'GPU_STATS', '--node', url, '--key', key];
    const { exitCode, out } = await typed([...words, '--payload', '-', '--json'], { stdin: ['[1]'] });
    assert.equal(exitCode, 0, out);
    assert.equal(received[0]!.text, '{"type":"GPU_STATS","payload":[1]}');
    assert.match((await typed(['challenge', 'run'])).out, /Missing required argument: type$/);
    assert.match((await typed(['challenge'])).out, /Which command\?$/);
  });
});

describe('fxn challenge run called wrongly ends with 2', () => {
  const node = 'http://127.0.0.1:1';
  const misuses: readonly (readonly [what: string, options: Partial<ChallengeRunOptions>, RegExp])[] = [
    ['a type of no letters', { node, type: '' }, /--type is the name of a challenge/],
    ['a payload that is no JSON', { node, payload: 'https://x' }, /--payload is not JSON/],
    ['a payload file that is not there', { node, payload: '@/no/such/file' }, /cannot be read/],
    ['a URL of another protocol', { node: 'ftp://x' }, /--node is not a URL/],
    ['no node and no home', {}, /--node and --key/],
  ];
  for (const [what, options, sentence] of misuses) {
    test(what, async () => {
      const { exitCode, err } = await result(options);
      assert.equal(exitCode, 2);
      assert.match(err, sentence);
    });
  }
});
