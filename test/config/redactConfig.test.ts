import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { loadConfig } from '#src/config/loadConfig.js';
import { redactConfig, redactUrl } from '#src/config/redactConfig.js';
import { propertyRuns } from '#test/runs.js';
import { load, oneModel, required, routerAddress, schedulerAddress, writeHome } from './configHome.js';

const home = mkdtempSync(join(tmpdir(), 'fxn-redact-'));
after(() => rmSync(home, { recursive: true, force: true }));

test('hides all of a URL but its host, a version and "rpc"', () => {
  const cases: Record<string, string> = {
    'https://base-sepolia-public.nodies.app': 'https://base-sepolia-public.nodies.app',
    'https://rpc.ankr.com/base_sepolia': 'https://rpc.ankr.com/[redacted]',
    'https://h/rpc/v1/correcthorse/v1x': 'https://h/rpc/v1/[redacted]/[redacted]',
    'https://mainnet.infura.io/v3/0123456789abcdef0123456789abcdef':
      'https://mainnet.infura.io/v3/[redacted]',
    'https://x.g.alchemy.com/v2/AbC-dEf_123': 'https://x.g.alchemy.com/v2/[redacted]',
    'https://lb.drpc.org/ogrpc?network=base&dkey=Abc': 'https://lb.drpc.org/[redacted]?[redacted]',
    'https://user:pw@rpc.example.com:8443/': 'https://[redacted]@rpc.example.com:8443/',
    'redis://:pw@10.0.0.1:6379/0': 'redis://[redacted]@10.0.0.1:6379/[redacted]',
    'https://h/#token': 'https://h/#[redacted]',
    'no url': '[redacted]',
  };
  for (const [url, safe] of Object.entries(cases)) assert.equal(redactUrl(url), safe);
});

test('an unset secret stays empty, a set one is hidden, a path stays', (t) => {
  const modelBackend = `${oneModel}        bearerToken: t0ken\n        headers: { x-team: s3cret }\n`;
  const tls = 'node: { tls: { certFile: c.pem, keyFile: k.pem } }';
  const loaded = load(t, {
    config: `${required}alerts: { webhookUrl: "https://hooks/abc" }\n${tls}`,
    modelBackend,
  });
  const printed = stringify(redactConfig(loaded));
  assert.match(printed, /apiKey: ""/);
  assert.match(printed, /bearerToken: "\[redacted\]"/);
  assert.match(printed, /x-team: "\[redacted\]"/);
  assert.match(printed, /webhookUrl: "\[redacted\]"/);
  assert.match(printed, /keyFile: .*k\.pem/);
  assert.doesNotMatch(printed, /t0ken|s3cret|hooks/);
});

test('prints durations and sizes as an operator writes them', (t) => {
  const { config } = redactConfig(load(t, {}));
  const printed = stringify(config);
  assert.match(printed, /maxAge: 1m\n/);
  assert.match(printed, /maxBodyBytes: 10mb\n/);
});

test('what is printed loads again to the same configuration when it has no secrets', (t) => {
  const first = load(t, {});
  const printed = redactConfig(first);
  const again = load(t, {
    config: stringify(printed.config),
    modelBackend: stringify(printed.modelBackends),
  });
  assert.deepEqual(again.config, first.config);
  assert.deepEqual(again.modelBackends.models, first.modelBackends.models);
});

test('no secret of any form appears in what is printed', () => {
  const secret = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 64 }),
    fc.string({ unit: fc.constantFrom(...'ABCDEFGHabcdefgh0123456789_-'), minLength: 16, maxLength: 48 }),
  );
  fc.assert(
    fc.property(secret, (key) => {
      // Something that no version and no protocol looks like.
      const hidden = `${key}7Q`;
      writeHome(home, {
        config: `rpcProvider: ["https://h/v3/${hidden}", "https://u:${hidden}@h", "https://h/rpc?key=${hidden}", "https://h/${hidden}/x?${hidden}#${hidden}"]
schedulerAddress: "${schedulerAddress}"
registry: { routerSmartContractAddress: "${routerAddress}" }
nonceCache: { redisUrl: "rediss://default:${hidden}@h:1/0?password=${hidden}" }
alerts: { webhookUrl: "https://hooks/${hidden}" }
telemetry: { otlpEndpoint: "https://${hidden}@h/v1/traces" }
node: { publicIpService: "https://h/?token=${hidden}" }
offers: { rpcProvider: "https://h/v2/${hidden}", facilitators: ["https://h/${hidden}"], eventsUrl: "https://h/${hidden}" }
`,
        modelBackend: `models:
  - name: m
    backends:
      - { url: "http://h", apiKey: "${hidden}", bearerToken: "${hidden}", headers: { x: "${hidden}" } }
`,
      });
      assert.ok(!JSON.stringify(redactConfig(loadConfig({ home, env: {} }))).includes(hidden));
    }),
    { numRuns: propertyRuns(400) },
  );
});
