import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AlertFacts, alertRules, type RegistryFacts } from '#src/alerts/alertRules.js';
import { freshRegistry, goodFacts } from './alertFacts.js';

/** What is found, as `rule subject: detail`. */
const found = (facts: Partial<AlertFacts>): string[] =>
  alertRules.flatMap((rule) =>
    (rule.find({ ...goodFacts, ...facts }) ?? []).map(({ subject, detail }) =>
      [rule.name, ...(subject === '' ? [] : [subject])].join(' ').concat(`: ${detail}`),
    ),
  );
const undecided = (facts: Partial<AlertFacts>): string[] =>
  alertRules.filter((rule) => rule.find({ ...goodFacts, ...facts }) === undefined).map(({ name }) => name);
const registry = (changes: Partial<RegistryFacts>): AlertFacts['registries'] => [
  { ...freshRegistry, ...changes },
];

describe('the rules of the built-in alerts', () => {
  it('find nothing at a node with which all is well', () => {
    assert.deepEqual(found({}), []);
    assert.deepEqual(undecided({}), []);
  });

  const cases: readonly (readonly [what: string, facts: Partial<AlertFacts>, expected: string[]])[] = [
    [
      'what keeps the node from serving, with every reason',
      { missing: ['backends: none answers', 'fronts: none serves'] },
      ['not_ready: backends: none answers; fronts: none serves'],
    ],
    [
      'a registry that was never read, with why',
      { registries: registry({ isFresh: false, ageMs: null, problem: 'No RPC endpoint answers.' }) },
      ['registry_stale gateway: No RPC endpoint answers.'],
    ],
    [
      'a registry whose last read is too long ago',
      { registries: registry({ isFresh: false, ageMs: 1_801_000 }) },
      ['registry_stale gateway: last read 1801 s ago'],
    ],
    ['a provider that is paused', { registration: 'paused' }, ['not_registered: its registration is paused']],
    ['a provider that is absent', { registration: 'absent' }, ['not_registered: its registration is absent']],
    [
      'each backend that is down by itself',
      {
        backends: [
          { backend: 'a:1', isUp: false },
          { backend: 'b:1', isUp: false },
          { backend: 'c:1', isUp: true },
        ],
      },
      ['backend_down a:1: it failed its health check', 'backend_down b:1: it failed its health check'],
    ],
    [
      'a line with as many as may wait',
      { queues: [{ model: 'm', waiting: 4, maxWaiting: 4 }] },
      ['queue_full m: 4 requests wait'],
    ],
    ['no full line where nobody may wait', { queues: [{ model: 'm', waiting: 0, maxWaiting: 0 }] }, []],
    [
      'three challenges that failed in a row',
      { challenges: { failedInARow: 3, lastFailure: 'compute_timeout' } },
      ['challenges_failing: 3 in a row, the last one with compute_timeout'],
    ],
    ['GPUs that are gone', { gpus: [], mostGpus: 2 }, ['gpu_lost: 0 of 2 GPUs can be sampled']],
    ['a hot GPU', { gpus: [{ name: '0 H100', temperatureC: 90 }] }, ['gpu_hot 0 H100: 90 °C']],
    ['nothing of a GPU that tells no temperature', { gpus: [{ name: '0', temperatureC: null }] }, []],
    [
      'a clock that is behind',
      { registries: registry({ ageMs: 10_000, blockAgeMs: 3_000 }) },
      ['clock_off: the newest block is 7 s in the future'],
    ],
    [
      'a clock that is ahead',
      { registries: registry({ ageMs: 10_000, blockAgeMs: 110_000 }) },
      ['clock_off: the newest block was 100 s old when it was read'],
    ],
    [
      'no clock that is off in a read that is merely old',
      { registries: registry({ ageMs: 1_000_000, blockAgeMs: 1_002_000 }) },
      [],
    ],
    [
      'no clock that is ahead while one registry was read at a new block',
      {
        registries: [
          { ...freshRegistry, ageMs: 0, blockAgeMs: 200_000 },
          { ...freshRegistry, ageMs: 0, blockAgeMs: 2_000 },
        ],
      },
      [],
    ],
  ];
  for (const [what, facts, expected] of cases) {
    it(`find ${what}`, () => assert.deepEqual(found(facts), expected));
  }

  it('say that they do not know where they cannot', () => {
    assert.deepEqual(undecided({ registries: undefined }), ['registry_stale', 'clock_off']);
    assert.deepEqual(undecided({ registration: 'unknown' }), ['not_registered']);
    assert.deepEqual(undecided({ registration: undefined }), ['not_registered']);
    assert.deepEqual(undecided({ isDraining: true }), ['not_ready']);
    assert.deepEqual(undecided({ registries: registry({ isFresh: false }) }), ['clock_off']);
  });
});
