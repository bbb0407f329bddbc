/** `fxn challenge verify` against real HTTP servers that play honest and dishonest nodes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ChallengeVerifyOptions, challengeVerify } from '#src/cli/challengeVerify.js';
import { deferred } from '#src/lib/deferred.js';
import { oneModel, required, writeHome } from '#test/config/configHome.js';
import { gatewayKey, schedulerKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';
import { type AnswerChallenge, byProver, serveChallenges } from '#test/verifier/proverServer.js';
import { refusal, ScriptedProver } from '#test/verifier/scriptedProver.js';
import { type Terminal, terminalOf, typed } from './challengeTerminal.js';

const address = schedulerKey.checksumAddress;
const nowhere = 'http://127.0.0.1:1';

function start(options: Partial<ChallengeVerifyOptions>, terminal?: Terminal) {
  const { io, printed, interruption } = terminalOf(terminal);
  const nodes = options.node?.length ?? 0;
  const exitCode = challengeVerify(
    {
      node: [],
      address: new Array<string>(nodes).fill(address),
      key: `0x${gatewayKey.privateKeyHex}`,
      scheme: 'legacy',
      size: 24,
      rounds: 2,
      rows: 8,
      ...options,
    },
    io,
  );
  return { exitCode, printed, interruption };
}

async function result(options: Partial<ChallengeVerifyOptions>, terminal?: Terminal) {
  const { exitCode, printed } = start(options, terminal);
  return { exitCode: await exitCode, ...printed };
}

const honest = (): AnswerChallenge => byProver(new ScriptedProver());
const lying = (): AnswerChallenge => byProver(new ScriptedProver({ spoilProduct: (cells) => cells.fill(0) }));

describe('fxn challenge verify', () => {
  test('says that an honest node is verified, how fast it was and how sure that is', async (t) => {
    const { url, received } = await serveChallenges(t, honest());
    const { exitCode, out, err } = await result({ node: [url] });
    assert.equal(exitCode, 0, out);
    const [head, work, soundness, ...others] = out.trimEnd().split('\n');
    assert.equal(head, `${address}  ${url}  verified`);
    assert.match(
      work!,
      /^ {2}size 24, 2 rounds: \d+ ms, \S+ TOPS \(the node says: 13 ms, 0\.0035 TOPS, cpu, plain loops\)$/,
    );
    assert.match(
      soundness!,
      /^ {2}8 rows opened in each round; chance to pass with rows skipped: 1 % → 92 %, .*50 % → 0\.39 %$/,
    );
    assert.deepEqual(others, []);
    assert.equal(err, '');
    assert.deepEqual(
      received.map(({ method, url: target, type }) => [method, target, type]),
      [
        ['POST', '/challenge', 'MATRIX_MULTIPLICATION'],
        ['POST', '/challenge', 'MATRIX_MULTIPLICATION_OPEN'],
        ['POST', '/challenge', 'MATRIX_MULTIPLICATION_OPEN'],
      ],
    );
    assert.equal(received[0]!.headers['x-address'], gatewayKey.checksumAddress);
    assert.equal(received[0]!.payload['size'], 24);
    assert.equal(received[1]!.payload['rows'], 8);
  });

  test('prints one JSON object a node', async (t) => {
    const good = await serveChallenges(t, honest());
    const bad = await serveChallenges(t, lying());
    const { exitCode, out } = await result(
      { node: [good.url, bad.url, nowhere], json: true },
      { isTTY: true },
    );
    assert.equal(exitCode, 1);
    const lines = out.trimEnd().split('\n');
    const verdicts = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      verdicts.map(({ node, verified, reason }) => [node, verified, reason]),
      [
        [good.url, true, null],
        [bad.url, false, 'wrong_values'],
        [nowhere, false, 'unreachable'],
      ],
    );
    assert.equal(verdicts[0]!['address'], address);
    assert.equal(typeof verdicts[0]!['tops'], 'number');
    assert.equal(verdicts[2]!['timeMs'], null);
  });

  test('ends with 1 and the reason when a node is refused', async (t) => {
    const { url } = await serveChallenges(t, lying());
    const { exitCode, out } = await result({ node: [url] });
    assert.equal(exitCode, 1);
    assert.match(
      out,
      /refused: wrong_values\n {2}The row is not a row of the product\. \(opening of round 0, row \d+\)\n/,
    );
    assert.match(out, /\n {2}size 24, 2 rounds: \d+ ms, /);
  });

  test('ends with 1 when the key behind the node is another than expected', async (t) => {
    const { url } = await serveChallenges(t, honest());
    const { exitCode, out } = await result({ node: [url], address: [gatewayKey.checksumAddress] });
    assert.equal(exitCode, 1);
    assert.match(out, /refused: wrong_address\n/);
  });

  test("ends with 1 and the node's code when it refuses to answer", async (t) => {
    const { url } = await serveChallenges(t, () => refusal(401, 'auth_unknown_caller'));
    const { exitCode, out } = await result({ node: [url] });
    assert.equal(exitCode, 1);
    assert.match(out, /refused: refused\n {2}The node refused with 401 auth_unknown_caller\.\n/);
  });

  test('ends with 2 when a node cannot be reached and none is refused', async (t) => {
    const { url } = await serveChallenges(t, honest());
    const { exitCode, out } = await result({ node: [url, nowhere] });
    assert.equal(exitCode, 2);
    assert.match(out, /verified\n/);
    assert.match(out, /http:\/\/127\.0\.0\.1:1 {2}unreachable\n {2}Cannot reach/);
  });

  test('an answer that breaks off is none', async (t) => {
    const { url } = await serveChallenges(t, (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{', () => response.destroy());
      return undefined;
    });
    const { exitCode, out } = await result({ node: [url] });
    assert.equal(exitCode, 2);
    assert.match(out, /unreachable/);
  });

  test('an answer without end is cut off', async (t) => {
    let sent = 0;
    const { url } = await serveChallenges(t, (_, response) => {
      const piece = Buffer.alloc(64 * 1_024, 0x20);
      const more = (): void => {
        while (!response.destroyed && sent < 256 * 1_024 * 1_024) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
      };
      more();
      return undefined;
    });
    const { exitCode, out } = await result({ node: [url] });
    assert.equal(exitCode, 1);
    assert.match(out, /refused: malformed\n {2}The answer is larger than \d+ bytes/);
    assert.ok(sent < 64 * 1_024 * 1_024, `${sent} bytes were taken`);
  });

  test('a page that is no JSON is malformed', async (t) => {
    const { url } = await serveChallenges(t, (_, response) => {
      response.end('<html>');
      return undefined;
    });
    const { exitCode, out } = await result({ node: [url] });
    assert.equal(exitCode, 1);
    assert.match(out, /refused: malformed\n/);
  });

  test('challenges several nodes at the same moment', async (t) => {
    const allAsked = deferred();
    let asked = 0;
    const waiting = (): AnswerChallenge => {
      const answer = honest();
      return async (challenge, response) => {
        if (challenge.type === 'MATRIX_MULTIPLICATION' && ++asked === 3) allAsked.resolve();
        await allAsked.promise;
        return answer(challenge, response);
      };
    };
    const servers = await Promise.all([1, 2, 3].map(() => serveChallenges(t, waiting())));
    const { exitCode } = await result({ node: servers.map(({ url }) => url) });
    assert.equal(exitCode, 0);
    assert.equal(asked, 3);
  });

  test('shows on a terminal what it waits for, and removes it', async (t) => {
    const { url } = await serveChallenges(t, honest());
    const { progress } = await result({ node: [url] }, { isTTY: true });
    const steps = progress.map((line) => line.split(' ')[0]);
    assert.deepEqual([...new Set(steps)], ['multiplying', 'opening', 'checking', '']);
    assert.equal(progress.at(-1), '');
  });

  test('gives a node that has only just started another seed, not the same one with a head start', async (t) => {
    const answer = honest();
    let refused = false;
    const { url, received } = await serveChallenges(t, (challenge, response) => {
      if (refused) return answer(challenge, response);
      refused = true;
      return refusal(401, 'auth_expired');
    });
    assert.equal((await result({ node: [url], rounds: 1 })).exitCode, 0);
    const seeds = received.flatMap(({ payload }) => payload['seed'] ?? []);
    assert.equal(new Set(seeds).size, 2);
    assert.equal(received.length, 3);
  });

  test('signs for the recipient on request', async (t) => {
    const { url, received } = await serveChallenges(t, honest());
    assert.equal((await result({ node: [url], scheme: 'rfc9421' })).exitCode, 0);
    assert.match(String(received[0]!.headers['signature-input']), /erc8128:84532:0x/);
  });

  test('expects the proof to be made for the chain of this home, or the one that is given', async (t) => {
    const home = await temporaryFolder(t);
    writeHome(home, { config: `${required}chainId: 7\n`, modelBackend: oneModel });
    const { url } = await serveChallenges(t, byProver(new ScriptedProver({ chainId: 7 })));
    assert.equal((await result({ node: [url], home })).exitCode, 0);
    assert.equal((await result({ node: [url], chainId: 7 })).exitCode, 0);
    assert.match((await result({ node: [url] })).out, /refused: wrong_chain/);
  });

  test('Ctrl-C breaks off', async (t) => {
    const { url } = await serveChallenges(t, () => {
      interruption.abort();
      return undefined;
    });
    const { exitCode, printed, interruption } = start({ node: [url] });
    assert.equal(await exitCode, 130);
    assert.equal(printed.err, 'Broken off.\n');
    assert.equal(printed.out, '');
  });
});

describe('fxn challenge verify called wrongly ends with 2', () => {
  const misuses: readonly (readonly [what: string, options: Partial<ChallengeVerifyOptions>, RegExp])[] = [
    ['no node', {}, /Each --node needs the --address/],
    ['a node without address', { node: [nowhere, nowhere], address: [address] }, /Each --node needs/],
    ['an address that is none', { node: [nowhere], address: ['0x12'] }, /--address is not/],
    ['a URL of another protocol', { node: ['ftp://x'] }, /--node is not a URL that starts with http/],
    ['a size of nothing', { node: [nowhere], size: 0 }, /--size is a whole number from 1 to 133144/],
    ['a size that is no number', { node: [nowhere], size: Number.NaN }, /--size is/],
    ['half a round', { node: [nowhere], rounds: 0.5 }, /--rounds is a whole number from 1/],
    ['too many rows', { node: [nowhere], rows: 1_025 }, /--rows is a whole number from 1 to 1024/],
    ['a key of zeros', { node: [nowhere], key: `0x${'00'.repeat(32)}` }, /outside the range/],
    ['a chain that is none', { node: [nowhere], chainId: -1 }, /--chain-id is a number/],
    ['no key and no home', { node: [nowhere], key: undefined }, /--node and --key/],
  ];
  for (const [what, options, sentence] of misuses) {
    test(what, async () => {
      const { exitCode, out, err } = await result(options);
      assert.equal(exitCode, 2);
      assert.match(err, sentence);
      assert.equal(out, '');
    });
  }
});

describe('the words of fxn challenge verify', () => {
  const words = (...more: string[]) => [
    ...['challenge', 'verify', '--key', `0x${gatewayKey.privateKeyHex}`],
    ...more,
  ];

  test('take nodes and addresses in pairs', async (t) => {
    const first = await serveChallenges(t, honest());
    const second = await serveChallenges(
      t,
      byProver(new ScriptedProver({ privateKeyHex: gatewayKey.privateKeyHex })),
    );
    const { exitCode, out } = await typed(
      words(
        ...['--node', first.url, '--node', second.url, '--size', '9', '--rounds', '3'],
        ...['--address', address, '--address', gatewayKey.checksumAddress, '--rows', '4'],
      ),
    );
    assert.equal(exitCode, 0, out);
    const heads = out.split('\n').filter((line) => !line.startsWith(' '));
    assert.deepEqual(heads, [
      `${address}  ${first.url}  verified`,
      `${gatewayKey.checksumAddress}  ${second.url}  verified`,
      '',
    ]);
    assert.equal(first.received.length, 4);
    assert.equal(first.received[3]!.payload['rows'], 4);
    assert.equal(first.received[0]!.payload['backend'], undefined);
  });

  test('let the last one count of an option that is given twice', async (t) => {
    const { url, received } = await serveChallenges(t, honest());
    const pair = ['--node', url, '--address', address];
    const { exitCode } = await typed(words(...pair, '--size', '4', '--size', '5', '--backend', 'cpu'));
    assert.equal(exitCode, 0);
    assert.equal(received[0]!.payload['size'], 5);
    assert.equal(received[0]!.payload['backend'], 'cpu');
  });

  test('work in the executable', async (t) => {
    const { url } = await serveChallenges(t, honest());
    const program = fileURLToPath(import.meta.resolve('#dist/cli/fxn.js'));
    const args = words('--node', url, '--address', address, '--size', '30', '--json');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args]);
    assert.equal(stderr, '');
    assert.equal((JSON.parse(stdout) as { verified: unknown }).verified, true);
  });

  test('have help, and defaults', async (t) => {
    const help = await typed(['challenge', 'verify', '--help']);
    assert.equal(help.exitCode, 'text');
    assert.match(help.out, /--size .*1024/s);
    const { url, received } = await serveChallenges(t, () => refusal(429, 'queue_full'));
    assert.equal((await typed(words('--node', url, '--address', address))).exitCode, 1);
    const { size, rounds } = received[0]!.payload;
    assert.deepEqual([size, rounds], [1_024, 1]);
  });

  test('are refused without a node, and with an unknown engine', async () => {
    assert.match((await typed(words())).out, /Missing required arguments: node, address$/);
    const wrong = await typed(words('--node', nowhere, '--address', address, '--backend', 'abacus'));
    assert.equal(wrong.exitCode, 'misuse');
    assert.match((await typed(['challenge', 'verfy'])).out, /Did you mean "verify"\?$/);
  });
});
