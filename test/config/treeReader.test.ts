import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '#src/config/configError.js';
import { load, oneModel, placesOf, problemsOf, required } from './configHome.js';

test('lists everything that is wrong in both files at once, in the order of the files', (t) => {
  const problems = problemsOf(t, {
    config: `listenPort: 80
node:
  listenPort: 99999
  threads: "4"
rpcProvider: ftp://x
auth:
  schemes: []
`,
    modelBackend: `models:
  - name: a
    backends:
      - url: nowhere
        colour: red
  - backends: []
`,
  });
  assert.deepEqual(placesOf(problems), [
    '1:1 schedulerAddress',
    '1:1 registry.routerSmartContractAddress',
    '1:1 listenPort',
    '3:15 node.listenPort',
    '4:12 node.threads',
    '5:14 rpcProvider',
    '7:12 auth.schemes',
    '4:14 models[0].backends[0].url',
    '5:9 models[0].backends[0].colour',
    '6:5 models[1].name',
    '6:15 models[1].backends',
  ]);
});

test('the message has one line per problem: place, path, what was expected and found, and the nearest key', (t) => {
  assert.throws(
    () => load(t, { config: `${required}node:\n  listenProt: 1\n  drainTimeout: soon\n` }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      const lines = error.message.split('\n').map((line) => line.replace(/^.*\/config\.yaml/, 'config.yaml'));
      assert.deepEqual(lines, [
        'config.yaml:6:3: node.listenProt: expected a known key, found one that is not known (did you mean "node.listenPort"?)',
        'config.yaml:7:17: node.drainTimeout: expected a duration such as "5s" or "1m30s", from 0s to 596h, found the text "soon"',
      ]);
      return true;
    },
  );
});

test('finds the key that was meant on its own level, on another, and in another naming style', (t) => {
  const meant = (config: string): (string | undefined)[] =>
    problemsOf(t, { config: required + config }).map(({ suggestion }) => suggestion);
  assert.deepEqual(meant('listenPort: 1'), ['node.listenPort']);
  assert.deepEqual(meant('node: { verbosity: info }'), ['logger.verbosity']);
  assert.deepEqual(meant('  bypass_auth: true'), ['registry.bypassAuth']);
  assert.deepEqual(meant('auth: { ttl: 5m }'), ['auth.session.ttl']);
  assert.deepEqual(meant('proxi: {}'), ['proxy']);
  assert.deepEqual(meant('weather: {}'), [undefined]);
  const [problem] = problemsOf(t, { modelBackend: oneModel.replace('url:', 'ulr:').replace('name', 'name') });
  assert.equal(problem?.path, 'models[0].backends[0].url');
  const unknown = problemsOf(t, { modelBackend: `${oneModel}        bearertoken_: x\n` });
  assert.equal(unknown[0]?.suggestion, 'models[0].backends[0].bearerToken');
});

test('refuses values of another type', (t) => {
  const cases: Record<string, string> = {
    'node: []': 'node',
    'node: 5': 'node',
    'node: { listenPort: true }': 'node.listenPort',
    'node: { listenPort: 80.5 }': 'node.listenPort',
    'node: { listenPort: -1 }': 'node.listenPort',
    'node: { listenPort: .nan }': 'node.listenPort',
    'node: { listenPort: [1] }': 'node.listenPort',
    'node: { threads: 0 }': 'node.threads',
    'node: { threads: all }': 'node.threads',
    'node: { listenAddress: 256.0.0.1 }': 'node.listenAddress',
    'node: { listenAddress: true }': 'node.listenAddress',
    'node: { publicUrl: "ws://x" }': 'node.publicUrl',
    'node: { publicUrl: "https://x y" }': 'node.publicUrl',
    'node: { publicIp: "example.com" }': 'node.publicIp',
    'node: { maxBodyBytes: 0 }': 'node.maxBodyBytes',
    'node: { maxBodyBytes: -5mb }': 'node.maxBodyBytes',
    'node: { maxBodyBytes: 2gb }': 'node.maxBodyBytes',
    'node: { drainTimeout: -5s }': 'node.drainTimeout',
    'node: { drainTimeout: 5 }': 'node.drainTimeout',
    'node: { drainTimeout: .inf }': 'node.drainTimeout',
    'proxy: { connectTimeout: 0s }': 'proxy.connectTimeout',
    // Longer than a timer of Node.js can wait.
    'proxy: { totalTimeout: 597h }': 'proxy.totalTimeout',
    'proxy: { passThrough: "true" }': 'proxy.passThrough',
    'proxy: { retryBudgetPercent: 101 }': 'proxy.retryBudgetPercent',
    'proxy: { affinity: sticky }': 'proxy.affinity',
    'auth: { schemes: [legacy, basic] }': 'auth.schemes[1]',
    'auth: { schemes: legacy }': 'auth.schemes',
    'auth: { authorities: ["http://x"] }': 'auth.authorities[0]',
    'auth: { authorities: [null] }': 'auth.authorities[0]',
    'nonceCache: { redisUrl: "http://x" }': 'nonceCache.redisUrl',
    'challenge: { reachable: { allowHosts: ["10.0.0.0/33"] } }': 'challenge.reachable.allowHosts[0]',
    'offers: { payments: { twoRpcsAbove: "0.0000001" } }': 'offers.payments.twoRpcsAbove',
    'offers: { token: "0x12" }': 'offers.token',
    'offers: { rpcProvider: ["ftp://x"] }': 'offers.rpcProvider[0]',
    'keys: { file: "" , passwordFile: [] }': 'keys.passwordFile',
    'chainId: 0': 'chainId',
  };
  for (const [config, path] of Object.entries(cases)) {
    const paths = problemsOf(t, { config: required + config }).map((problem) => problem.path);
    assert.deepEqual(paths, [path], config);
  }
});

test('refuses the zero address, short addresses and other letters', (t) => {
  for (const bad of [`0x${'0'.repeat(40)}`, '0x0a7A', `0x${'g'.repeat(40)}`, `0x${'a'.repeat(41)}`]) {
    const config = required.replace(/schedulerAddress: .*/, `schedulerAddress: "${bad}"`);
    assert.deepEqual(placesOf(problemsOf(t, { config })), ['2:19 schedulerAddress'], bad);
  }
});

test('says that quotes are in the way where only they are', (t) => {
  const [problem] = problemsOf(t, { config: `${required}node: { listenPort: "80" }` });
  assert.match(problem!.message, /found the text "80" in quotes; remove them/);
});

test('a key given twice is an error at its second place', (t) => {
  const problems = problemsOf(t, {
    config: `${required}node: { listenPort: 1, listenPort: 2 }\nchainId: 1\nchainId: 2\n`,
  });
  assert.deepEqual(placesOf(problems), ['5:24 node.listenPort', '7:1 chainId']);
});

test('syntax errors, unknown tags and a second document have their place', (t) => {
  const first = (config: string): string | undefined =>
    placesOf(problemsOf(t, { config: required + config }))[0];
  assert.equal(first('node: {\n'), '6:1 ');
  assert.equal(first('chainId: !secret 5\n'), '5:10 ');
  assert.match(first('---\nchainId: 5\n') ?? '', /^5:/);
  assert.match(first('\tnode: 5\n') ?? '', /^5:/);
});

test('anchors and aliases work; loops and floods of them are refused', (t) => {
  const { config } = load(t, {
    config: `${required}  gateway: &slow { pollInterval: 2m }\n  provider: *slow\n`,
  });
  assert.equal(config.registry.provider.pollInterval, 120_000);
  assert.equal(problemsOf(t, { config: `${required}auth: { authorities: &a [*a] }` }).length, 1);
  assert.match(problemsOf(t, { config: `${required}auth: { authorities: [*none] }` })[0]!.message, /anchor/);
  const flood = `${required}keys: { file: &k x }\nauth: { authorities: [${'*k, '.repeat(500)}] }`;
  assert.ok(problemsOf(t, { config: flood }).some(({ message }) => message.includes('aliases')));
});

test('a root that is no mapping, and an empty file, say what is missing', (t) => {
  assert.match(
    problemsOf(t, { config: '- a\n' })[0]!.message,
    /expected a mapping of keys to values, found a list/,
  );
  assert.deepEqual(placesOf(problemsOf(t, { config: '' })), [
    '1:1 rpcProvider',
    '1:1 schedulerAddress',
    '1:1 registry.routerSmartContractAddress',
  ]);
  assert.deepEqual(placesOf(problemsOf(t, { modelBackend: '# nothing\n' })), ['1:1 models']);
});

test('an unset variable is an error at its place, in both files', (t) => {
  const problems = problemsOf(t, {
    config: `${required}alerts:\n  webhookUrl: "https://\${HOOK}"\n`,
    modelBackend: `${oneModel}        apiKey: \${KEY}\n`,
  });
  assert.deepEqual(placesOf(problems), ['6:15 alerts.webhookUrl', '5:17 models[0].backends[0].apiKey']);
  assert.match(problems[0]!.message, /HOOK/);
});

test('messages never show secrets', (t) => {
  const secret = 'hunter2';
  const problems = problemsOf(
    t,
    {
      config: `rpcProvider: ["htps://x/${secret}", "https://\${A}:y z"]
nonceCache: { redisUrl: "${secret}://u:p@h" }
alerts: { webhookUrl: "${secret}" }
node: { publicUrl: "htp://u:${secret}@h", listenPort: "\${A}" }
`,
      modelBackend: `models: [{ name: a, backends: [{ url: "http://u:${secret}@h", apiKey: "${secret}\\n", bearerToken: ["${secret}"], headers: { x: "${secret}\\r\\n" } }] }]`,
    },
    { A: secret },
  );
  assert.ok(problems.length >= 10);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

test('a file full of unknown keys is answered without looking each of them up', (t) => {
  const config = Array.from({ length: 60_000 }, (_, index) => `k${index}: 1`).join('\n');
  assert.equal(problemsOf(t, { config }).length, 60_003);
});
