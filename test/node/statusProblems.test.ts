import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { BackendStatus, ChainStatus, RegistryReport } from '#src/console/statusDocument.js';
import { blockingProblems } from '#src/node/readiness.js';
import { type WatchedParts, warningsOf } from '#src/node/statusProblems.js';

const registry: RegistryReport = {
  isFresh: true,
  ageMs: 1_000,
  maxAgeMs: 1_800_000,
  entries: 1,
  pendingEntries: 0,
  blockNumber: 1,
  blockAtMs: 1,
  address: null,
  lastError: null,
};
const chain: ChainStatus = {
  gateway: registry,
  provider: registry,
  registration: 'active',
  rpcEndpoints: [],
};
const backend = (label: string, changed: Partial<BackendStatus> = {}): BackendStatus => ({
  label,
  model: 'm',
  upstreamModel: 'm',
  provider: 'vllm',
  kind: 'vllm',
  isUp: true,
  isModelListed: true,
  breaker: 'closed',
  inFlight: 0,
  maxConcurrency: 64,
  weight: 1,
  ...changed,
});
const sound: WatchedParts = {
  requireRegistration: 'warn',
  models: [{ name: 'm', aliases: [], isDefault: true, queued: 0, maxQueued: 256 }],
  backends: [backend('a:1'), backend('b:1')],
  chain,
  challenges: { recent: [], engines: [] },
  gpus: { source: null, sampledAtMs: null, missing: 'no_gpu', lastError: null, list: [] },
  auth: {
    isBypassed: false,
    outcomes: {},
    replayTable: { entries: 10, capacity: 100 },
    sharedStore: null,
  },
  configuration: { loadedAtMs: 0, needRestart: [] },
};
const warned = (changed: Partial<WatchedParts>): string[] =>
  warningsOf({ ...sound, ...changed }).map(({ subject, reason }) => `${subject}: ${reason}`);

it('has nothing to say of a sound node', () => {
  assert.deepEqual(warned({}), []);
});

it('tells one backend that is down from a model without any', () => {
  const down = { isUp: false } as const;
  assert.deepEqual(warned({ backends: [backend('a:1', down), backend('b:1')] }), [
    'backend a:1: does not answer its health check',
  ]);
  const other = backend('c:1', { model: 'other' });
  assert.deepEqual(warned({ backends: [backend('a:1', down), backend('b:1', down), other] }), [
    'model m: none of its backends answers',
  ]);
  // Of a node without any backend that answers, more is said elsewhere.
  assert.deepEqual(warned({ backends: [backend('a:1', down), backend('b:1', down)] }), []);
});

it('names breakers that are open and models that are not loaded', () => {
  const backends = [backend('a:1', { breaker: 'open' }), backend('b:1', { isModelListed: false })];
  assert.deepEqual(warned({ backends }), [
    'backend a:1: failed several times in a row and gets no requests',
    'backend b:1: does not list the model m',
  ]);
});

it('says what an absent registration does, unless nobody asked for one', () => {
  const absent = { chain: { ...chain, registration: 'absent' } } as const;
  assert.match(warned(absent)[0] ?? '', /no registered provider: gateways send no requests here/);
  assert.match(warned({ ...absent, requireRegistration: 'refuse' })[0] ?? '', /requests are refused/);
  assert.deepEqual(warned({ ...absent, requireRegistration: 'off' }), []);
});

it('tells of reads and endpoints that fail while the registry is still fresh', () => {
  const troubled: ChainStatus = {
    ...chain,
    gateway: { ...registry, lastError: 'No RPC endpoint gave a usable answer.' },
    rpcEndpoints: [{ label: 'https://rpc.example', state: 'failed', blockNumber: null, reason: 'timeout' }],
  };
  assert.deepEqual(warned({ chain: troubled }), [
    'gateway registry: the last read failed: No RPC endpoint gave a usable answer.',
    'RPC endpoint https://rpc.example: timeout',
  ]);
});

it('tells of a replay table that is nearly full, of authentication that is off, and of what waits for a restart', () => {
  assert.deepEqual(
    warned({
      auth: { ...sound.auth, isBypassed: true, replayTable: { entries: 95, capacity: 100 } },
      configuration: { loadedAtMs: 0, needRestart: ['node', 'proxy'] },
    }),
    [
      'authentication: the replay table is 95 % full; a full one refuses requests',
      'authentication: it is switched off: anyone may send requests',
      'configuration: changed and not in force: node, proxy',
    ],
  );
});

it('says what keeps a node from serving, each with a remedy', () => {
  const problems = blockingProblems({
    registries: undefined,
    backends: [{ backend: 'a:1', up: false, kind: null, modelListed: null }],
    store: { up: false, problem: 'not reached yet' },
    servingFronts: 0,
    isDraining: true,
  });
  assert.deepEqual(
    problems.map(({ subject, reason }) => `${subject}: ${reason}`),
    [
      'node: it is shutting down',
      'registry thread: does not answer',
      'backends: none answers',
      'store: not reached yet',
      'fronts: none serves',
    ],
  );
  for (const { severity, remedy } of problems) {
    assert.equal(severity, 'blocking');
    assert.ok(remedy.length > 10);
  }
});
