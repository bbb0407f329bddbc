// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of a configuration file, not of JavaScript
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '#src/config/configError.js';
import { loadConfig } from '#src/config/loadConfig.js';
import {
  emptyHome,
  load,
  oneModel,
  problemsOf,
  required,
  routerAddress,
  schedulerAddress,
  writeHome,
} from './configHome.js';

test('fills in every default when only the three required keys are given', (t) => {
  const { config, warnings, paths } = load(t, {});
  assert.deepEqual(warnings, []);
  assert.deepEqual(config, {
    node: {
      listenAddress: '127.0.0.1',
      listenPort: 8080,
      threads: 'auto',
      publicUrl: '',
      maxBodyBytes: 10_485_760,
      drainTimeout: 30_000,
      publicIp: '',
      publicIpService: 'https://api.ipify.org',
      tls: { certFile: '', keyFile: '' },
    },
    admin: { listenAddress: '127.0.0.1', listenPort: 9090, console: true, hosts: [] },
    logger: { verbosity: 'info' },
    rpcProvider: ['https://rpc.example.com'],
    schedulerAddress: schedulerAddress.toLowerCase(),
    chainId: 84_532,
    keys: { file: join(paths.home, 'nodekey.json'), passwordFile: '' },
    registry: {
      routerSmartContractAddress: routerAddress.toLowerCase(),
      bypassAuth: false,
      requireRegistration: 'warn',
      maxStaleness: 1_800_000,
      confirmations: 0,
      owner: '',
      gateway: { pollInterval: 60_000 },
      provider: { pollInterval: 60_000 },
      scheduler: { pollInterval: 60_000 },
    },
    auth: {
      maxAge: 60_000,
      maxSkew: 30_000,
      schemes: ['legacy', 'rfc9421'],
      authorities: [],
      session: { ttl: 600_000, perCaller: 16 },
    },
    nonceCache: {
      ttl: 300_000,
      cleanupInterval: 600_000,
      capacity: 2_000_000,
      store: 'memory',
      redisUrl: '',
    },
    proxy: {
      maxIdleConns: 100,
      idleConnTimeout: 4_000,
      connectTimeout: 2_000,
      firstByteTimeout: 120_000,
      idleTimeout: 60_000,
      totalTimeout: 1_800_000,
      passThrough: false,
      queue: { maxWaiting: 256, maxWait: 10_000 },
      healthInterval: 10_000,
      retryBudgetPercent: 10,
      breaker: { failures: 5, openFor: 10_000 },
      keepAliveComments: 0,
      affinity: 'none',
    },
    limits: { requestsPerSecond: 0, concurrentStreams: 0, tokensPerMinute: 0 },
    compute: {
      threads: 'auto',
      gpu: 'auto',
      maxMatrixSize: 8192,
      maxQueued: 4,
      deadline: 60_000,
      commitmentTtl: 60_000,
      commitmentBytes: 1_073_741_824,
    },
    challenge: { reachable: { allowHosts: [] } },
    telemetry: { otlpEndpoint: '' },
    alerts: { webhookUrl: '' },
    offers: {
      enabled: false,
      chainId: 8453,
      rpcProvider: [],
      token: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
      allowHosts: [],
      settlementKeyFile: '',
      facilitators: [],
      eventsUrl: '',
      payments: { maxAge: 86_400_000, twoRpcsAbove: '10' },
    },
  });
});

test("loads the Go node's files as they are", (t) => {
  const { config, modelBackends, warnings } = load(t, {
    config: `node:
  listenPort: 8080
  listenAddress: "127.0.0.1"
logger:
  verbosity: "info"
registry:
  routerSmartContractAddress: "${routerAddress}"
  bypassAuth: true
  gateway:
    pollInterval: 10s
  scheduler:
    pollInterval: "1m"
  provider:
    pollInterval: "15s"
rpcProvider: "https://base-sepolia-public.nodies.app"
schedulerAddress: "${schedulerAddress}"
nonceCache:
  ttl: "5m"
  cleanupInterval: "10m"
proxy:
  maxIdleConns: 100
  idleConnTimeout: "90s"`,
    modelBackend: `backendProvider: "fxn"
url: "http://your-backend:8082/v1/"
fxnId: 2
apiKey: "your-api-key"
bearerToken:
modelNameAlias: "your-alias" # optional
`,
  });
  assert.equal(config.proxy.idleConnTimeout, 90_000);
  assert.equal(config.registry.gateway.pollInterval, 10_000);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /config\.yaml:22:20: proxy\.idleConnTimeout: .*uvicorn/);
  assert.deepEqual(modelBackends.models, [
    {
      name: '2',
      aliases: [],
      fxnId: '2',
      backends: [
        {
          url: 'http://your-backend:8082',
          backendProvider: 'custom',
          model: 'your-alias',
          apiKey: 'your-api-key',
          bearerToken: '',
          headers: {},
          weight: 1,
          maxConcurrency: 100_000,
        },
      ],
    },
  ]);
  assert.equal(modelBackends.default, '2');
});

test('takes the level words of Go loggers, in any letter case', (t) => {
  const levels = {
    DEBUG: 'debug',
    warning: 'warn',
    Panic: 'fatal',
    TRACE: 'trace',
    fatal: 'fatal',
    Error: 'error',
  };
  for (const [word, level] of Object.entries(levels)) {
    const { config } = load(t, { config: `${required}logger: { verbosity: ${word} }` });
    assert.equal(config.logger.verbosity, level);
  }
});

test('takes one RPC URL or a list', (t) => {
  const many = required.replace('"https://rpc.example.com"', '["http://a", "https://b/key"]');
  assert.deepEqual(load(t, { config: many }).config.rpcProvider, ['http://a', 'https://b/key']);
});

test('takes addresses without 0x, in capitals and unquoted', (t) => {
  const bare = schedulerAddress.slice(2).toUpperCase();
  for (const written of [`"${bare}"`, `"0X${bare}"`, schedulerAddress]) {
    const { config } = load(t, { config: required.replace(`"${schedulerAddress}"`, written) });
    assert.equal(config.schedulerAddress, schedulerAddress.toLowerCase());
  }
});

test('puts in the environment at any position, without making structure of it', (t) => {
  const texts = {
    config: `${required}  bypassAuth: \${BYPASS}
node: { listenPort: "8081" }
`
      .replace('"8081"', '8081')
      .concat(`admin:
  listenPort: \${PORT}
  listenAddress: \${HOST:-127.0.0.1}
auth: { authorities: ["\${HOST}:\${PORT}"] }
keys: { file: "$\${x}" }
`),
    modelBackend: oneModel.replace('8000"', '8000"\n        apiKey: "${KEY}"'),
  };
  const env = { BYPASS: 'true', PORT: '9191', HOST: 'localhost', KEY: 'a: [b] # c' };
  const { config, modelBackends, paths } = load(t, texts, env);
  assert.equal(config.registry.bypassAuth, true);
  assert.equal(config.admin.listenPort, 9191);
  assert.equal(config.admin.listenAddress, 'localhost');
  assert.deepEqual(config.auth.authorities, ['localhost:9191']);
  assert.equal(config.keys.file, join(paths.home, '${x}'));
  assert.equal(modelBackends.models[0]!.backends[0]!.apiKey, 'a: [b] # c');
});

test('an environment value that is not of the key type is refused without being shown', (t) => {
  const config = `${required}node:\n  listenPort: \${PORT}\n`;
  for (const PORT of ['s3cr3t', '', '1, threads: 2', '99999', '0x10']) {
    const [problem, ...more] = problemsOf(t, { config }, { PORT });
    assert.equal(more.length, 0);
    assert.equal(problem?.path, 'node.listenPort');
    assert.ok(PORT === '' || !problem!.message.includes(`"${PORT}"`));
    assert.doesNotMatch(problem!.message, /s3cr3t/);
  }
});

test('resolves paths against the home folder', (t) => {
  const { config, paths } = load(t, {
    config: `${required}keys: { file: "k/a.json", passwordFile: "/run/pw" }\nnode: { tls: { certFile: c.pem, keyFile: ../k.pem } }\noffers: { settlementKeyFile: s.json }`,
  });
  assert.equal(config.keys.file, join(paths.home, 'k/a.json'));
  assert.equal(config.keys.passwordFile, '/run/pw');
  assert.equal(config.node.tls.certFile, join(paths.home, 'c.pem'));
  assert.equal(config.node.tls.keyFile, join(paths.home, '..', 'k.pem'));
  assert.equal(config.offers.settlementKeyFile, join(paths.home, 's.json'));
});

test('an empty key or group means its default', (t) => {
  const { config } = load(t, { config: `${required}node:\n  listenPort:\nalerts:\nproxy: ~\n` });
  assert.equal(config.node.listenPort, 8080);
  assert.equal(config.alerts.webhookUrl, '');
  assert.equal(config.proxy.idleTimeout, 60_000);
});

test('is frozen to its leaves and crosses threads unchanged', (t) => {
  const { config, modelBackends } = load(t, {});
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    assert.ok(Object.isFrozen(value));
    for (const child of Object.values(value)) visit(child);
  };
  visit(config);
  visit(modelBackends);
  assert.deepEqual(structuredClone({ config, modelBackends }), { config, modelBackends });
  assert.throws(() => {
    config.node.listenPort = 1;
  }, TypeError);
});

test('stamps the model list with the time of loading', (t) => {
  const home = emptyHome(t);
  writeHome(home, {});
  assert.equal(loadConfig({ home, env: {}, nowMs: 1_700_000_000_999 }).modelBackends.loadedAt, 1_700_000_000);
});

test('reads the files that --config and --model-backend name', (t) => {
  const home = emptyHome(t);
  writeFileSync(join(home, 'c.yaml'), `${required}chainId: 5`);
  writeFileSync(join(home, 'm.yaml'), oneModel);
  const { config, paths } = loadConfig({
    home,
    env: {},
    configFile: join(home, 'c.yaml'),
    modelBackendFile: join(home, 'm.yaml'),
  });
  assert.equal(config.chainId, 5);
  assert.equal(paths.configFile, join(home, 'c.yaml'));
});

test('two missing files are one error that names both and the way out', (t) => {
  const home = emptyHome(t);
  assert.throws(
    () => loadConfig({ home, env: {} }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.code, 'config_invalid');
      const lines = error.message.split('\n');
      assert.equal(lines.length, 2);
      assert.match(lines[0]!, /config\.yaml:1:1: expected a configuration file, found none here; .*--config/);
      assert.match(lines[1]!, /model_backend\.yaml:1:1: .*--model-backend/);
      return true;
    },
  );
});

test('a folder, a file over 1 MiB and bytes that are no UTF-8 are refused', (t) => {
  const home = emptyHome(t);
  writeHome(home, {});
  const refused = (configFile: string, expected: RegExp): void => {
    assert.throws(() => loadConfig({ home, env: {}, configFile }), expected);
  };
  refused(home, /EISDIR/);
  const large = join(home, 'large.yaml');
  writeFileSync(large, `${required}#${'x'.repeat(1024 * 1024)}`);
  refused(large, /1 MiB/);
  const binary = join(home, 'binary.yaml');
  writeFileSync(binary, Buffer.from([0x61, 0xff, 0xfe]));
  refused(binary, /UTF-8/);
});

test('takes a file that begins with a byte order mark', (t) => {
  assert.equal(load(t, { config: `\ufeff${required}` }).config.chainId, 84_532);
});

test('the console can be switched off', (t) => {
  assert.equal(load(t, { config: `${required}admin: { console: false }` }).config.admin.console, false);
  const [problem] = problemsOf(t, { config: `${required}admin: { console: "never" }` });
  assert.equal(problem?.path, 'admin.console');
});

test('host names of the console are a list of names', (t) => {
  const { config } = load(t, {
    config: `${required}admin: { hosts: ["gpu-box.lan", "Console.Example.com"] }`,
  });
  assert.deepEqual(config.admin.hosts, ['gpu-box.lan', 'console.example.com']);
  assert.equal(
    problemsOf(t, { config: `${required}admin: { hosts: ["https://gpu-box.lan"] }` })[0]?.path,
    'admin.hosts[0]',
  );
});
