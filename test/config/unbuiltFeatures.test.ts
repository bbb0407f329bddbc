import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, placesOf, problemsOf, required } from './configHome.js';

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
alerts: { webhookUrl: "https://hooks.example.com/a" }
`;
  assert.deepEqual(load(t, { config }).warnings, []);
});

test('a value that means another is a warning with its place', (t) => {
  const warned: Record<string, RegExp> = {
    'compute: { gpu: cuda }': /:5:17: compute\.gpu: "cuda" is not built yet/,
  };
  for (const [line, expected] of Object.entries(warned)) {
    const { warnings } = load(t, { config: required + line });
    assert.equal(warnings.length, 1, line);
    assert.match(warnings[0]!, expected);
  }
});
