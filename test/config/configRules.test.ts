import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, placesOf, problemsOf, required } from './configHome.js';

test('a nonce must be remembered for longer than a signature is accepted', (t) => {
  const places = (config: string): string[] => placesOf(problemsOf(t, { config: required + config }));
  assert.deepEqual(places('nonceCache:\n  ttl: 90s\n'), ['6:8 nonceCache.ttl']);
  assert.deepEqual(places('nonceCache:\n  ttl: 90001ms\n'), []);
  assert.deepEqual(places('auth:\n  maxAge: 5m\n'), ['6:11 auth.maxAge']);
  assert.deepEqual(places('auth:\n  maxAge: x\nnonceCache:\n  ttl: 1s\n'), ['6:11 auth.maxAge']);
});

test('bypassAuth needs a loopback address or a word from the environment', (t) => {
  const config = (address: string): string =>
    `${required}  bypassAuth: true\nnode: { listenAddress: "${address}" }`;
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST']) {
    assert.equal(load(t, { config: config(address) }).config.registry.bypassAuth, true);
  }
  for (const address of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'node.example.com']) {
    assert.deepEqual(
      placesOf(problemsOf(t, { config: config(address) })),
      ['5:15 registry.bypassAuth'],
      address,
    );
  }
  assert.equal(
    load(t, { config: config('0.0.0.0') }, { FXN_ALLOW_BYPASS: '1' }).config.registry.bypassAuth,
    true,
  );
  assert.equal(problemsOf(t, { config: config('0.0.0.0') }, { FXN_ALLOW_BYPASS: 'true' }).length, 1);
});

test('sessions need the scheme that makes them', (t) => {
  const places = (schemes: string): string[] =>
    placesOf(problemsOf(t, { config: `${required}auth: { schemes: [${schemes}] }` }));
  assert.deepEqual(places('session'), ['5:9 auth.schemes']);
  assert.deepEqual(places('legacy, session'), ['5:9 auth.schemes']);
  assert.deepEqual(places('rfc9421, session'), []);
  assert.deepEqual(places('rfc9421'), []);
});

test('a shared store needs its address', (t) => {
  const places = (nonceCache: string): string[] =>
    placesOf(problemsOf(t, { config: `${required}nonceCache: { ${nonceCache} }` }));
  assert.deepEqual(places('store: redis'), ['5:22 nonceCache.store']);
  assert.deepEqual(places('store: valkey, redisUrl: ""'), ['5:40 nonceCache.redisUrl']);
  assert.deepEqual(places('store: redis, redisUrl: "rediss://user:secret@h:6380/2"'), []);
  assert.deepEqual(places('store: memory'), []);
  for (const wrong of ['http://h', 'redis://h/name', 'redis://h/1/2', 'redis://:100%@h', 'redis:///1']) {
    assert.deepEqual(places(`store: redis, redisUrl: "${wrong}"`), ['5:39 nonceCache.redisUrl'], wrong);
  }
});

test('limits that hold for nobody are a warning', (t) => {
  const limits = 'limits: { requestsPerSecond: 5, concurrentStreams: 0 }\n';
  assert.deepEqual(load(t, { config: required + limits }).warnings, []);
  const { warnings } = load(t, { config: `${required}  bypassAuth: true\n${limits}` });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /:6:30: limits\.requestsPerSecond: .*bypassAuth/);
});

test('TLS needs both files or none', (t) => {
  const problems = problemsOf(t, { config: `${required}node:\n  tls:\n    certFile: c.pem\n` });
  assert.deepEqual(placesOf(problems), ['6:3 node.tls.keyFile']);
});

test('the public and the admin port may not collide', (t) => {
  const config = (admin: string): string =>
    `${required}node: { listenPort: 90 }\nadmin: { listenAddress: ${admin}, listenPort: 90 }`;
  assert.equal(problemsOf(t, { config: config('127.0.0.1') })[0]?.path, 'admin.listenPort');
  assert.equal(problemsOf(t, { config: config('0.0.0.0') })[0]?.path, 'admin.listenPort');
  assert.deepEqual(problemsOf(t, { config: config('127.0.0.2') }), []);
  const anyPort = `${required}node: { listenPort: 0 }\nadmin: { listenPort: 0 }`;
  assert.deepEqual(problemsOf(t, { config: anyPort }), []);
});

test('what hurts but works is a warning with its place', (t) => {
  const warnings = (config: string): readonly string[] => load(t, { config: required + config }).warnings;
  assert.deepEqual(warnings('proxy: { idleConnTimeout: 4999ms }'), []);
  assert.match(warnings('proxy: { idleConnTimeout: 5s }')[0]!, /:5:27: proxy\.idleConnTimeout:/);
  assert.match(warnings('  gateway: { pollInterval: 1h }')[0]!, /:5:28: registry\.gateway\.pollInterval:/);
});
