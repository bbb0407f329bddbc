import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, oneModel, placesOf, problemsOf, required } from './configHome.js';

test('what would make the node less safe than its operator believes is refused with its place', (t) => {
  const refused: Record<string, string> = {
    'offers: { enabled: true }': '5:20 offers.enabled',
  };
  for (const [line, place] of Object.entries(refused)) {
    assert.deepEqual(placesOf(problemsOf(t, { config: required + line })), [place], line);
  }
});

test('the same keys at what this version does are no matter', (t) => {
  const config = `${required}nonceCache: { store: memory }
auth: { schemes: [rfc9421, session], authorities: [h] }
limits: { requestsPerSecond: 0.5, concurrentStreams: 1, tokensPerMinute: 1 }
offers: { enabled: false }
`;
  assert.deepEqual(load(t, { config }).warnings, []);
});

test('a given key without effect is a warning with its place, whatever its value', (t) => {
  const warned: Record<string, RegExp> = {
    'proxy: { queue: { maxWait: 1s } }': /:5:10: proxy\.queue: has no effect in this version$/,
    'proxy: { affinity: none }': /:5:20: proxy\.affinity: has no effect/,
    'telemetry: { otlpEndpoint: "" }': /:5:28: telemetry\.otlpEndpoint: has no effect/,
    'challenge: { reachable: { allowHosts: [] } }': /:5:1: challenge: has no effect/,
  };
  for (const [line, expected] of Object.entries(warned)) {
    const { warnings } = load(t, { config: required + line });
    assert.equal(warnings.length, 1, line);
    assert.match(warnings[0]!, expected);
  }
  const { warnings } = load(t, { modelBackend: `${oneModel}        maxConcurrency: 8\n` });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /:5:25: models\[0\]\.backends\[0\]\.maxConcurrency: has no effect/);
});
