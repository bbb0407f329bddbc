import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AlertRule } from '#src/alerts/alertRules.js';
import { AlertStates } from '#src/alerts/alertStates.js';
import { goodFacts } from './alertFacts.js';

/** A rule that finds the named backends; told after ten seconds, ended after five. */
const rule: AlertRule = {
  name: 'backend_down',
  severity: 'warning',
  title: 'a backend does not answer',
  remedy: 'Look at it.',
  holdMs: 10_000,
  clearMs: 5_000,
  find: ({ backends }) =>
    backends.some(({ isUp }) => isUp === undefined)
      ? undefined
      : backends
          .filter(({ isUp }) => isUp === false)
          .map(({ backend }) => ({ subject: backend, detail: 'down' })),
};

/** Looks once a second along a picture: `x` is down, `.` is up, `?` is not known. */
function watch(picture: string): string[] {
  const states = new AlertStates([rule]);
  return [...picture].flatMap((sign, second) => {
    const isUp = { x: false, '.': true }[sign];
    const facts = { ...goodFacts, backends: [{ backend: 'a', isUp }] };
    const now = { monotonicMs: second * 1_000, wallMs: 1_000_000 + second * 1_000 };
    return states.look(facts, now).map(({ status, startedAtMs, endedAtMs }) => {
      const span = [startedAtMs, endedAtMs].map((ms) => (ms === null ? '' : (ms - 1_000_000) / 1_000));
      return `${second}: ${status} ${span.join('–')}`;
    });
  });
}

describe('alerts that are on', () => {
  it('begin once after the hold time and end once after theirs', () => {
    assert.deepEqual(watch('..xxxxxxxxxxxxxxxx..........'), ['12: firing 2–', '23: resolved 2–18']);
  });

  it('tell nothing of what comes and goes within the hold time', () => {
    assert.deepEqual(watch('xxxxxxxxx.xxxxxxxxx.xxxxxxxxx.'), []);
  });

  it('do not end for a moment that is better', () => {
    assert.deepEqual(watch('xxxxxxxxxxx....xxx....xx.....'), ['10: firing 0–']);
  });

  it('neither begin nor end while nothing is known, and want to be seen anew for as long', () => {
    assert.deepEqual(watch('xxxxxxxxx?xxxxxxxxxx'), []);
    assert.deepEqual(watch('xxxxxxxxxxx????????????....?....'), ['10: firing 0–']);
    assert.deepEqual(watch('xxxxxxxxxxx???......'), ['10: firing 0–', '19: resolved 0–14']);
  });

  it('begin again after their end', () => {
    assert.deepEqual(watch(`${'x'.repeat(11)}......${'x'.repeat(11)}`), [
      '10: firing 0–',
      '16: resolved 0–11',
      '27: firing 17–',
    ]);
  });

  it('go by a clock that nobody can set', () => {
    const states = new AlertStates([rule]);
    const facts = { ...goodFacts, backends: [{ backend: 'a', isUp: false }] };
    assert.deepEqual(states.look(facts, { monotonicMs: 0, wallMs: 0 }), []);
    assert.deepEqual(states.look(facts, { monotonicMs: 2_000, wallMs: 9e9 }), []);
  });

  it('are apart for each subject, and end when a subject is no more', () => {
    const states = new AlertStates([rule]);
    const at = (second: number, ...down: string[]) =>
      states
        .look(
          { ...goodFacts, backends: down.map((backend) => ({ backend, isUp: false })) },
          { monotonicMs: second * 1_000, wallMs: second * 1_000 },
        )
        .map(({ subject, status }) => `${subject} ${status}`);
    assert.deepEqual(at(0, 'a'), []);
    assert.deepEqual(at(5, 'a', 'b'), []);
    assert.deepEqual(at(10, 'a', 'b'), ['a firing']);
    assert.deepEqual(at(15, 'a', 'b'), ['b firing']);
    assert.equal(states.active, 2);
    assert.deepEqual(at(20, 'b'), []);
    assert.deepEqual(at(25, 'b'), ['a resolved']);
    assert.equal(states.active, 1);
  });
});
