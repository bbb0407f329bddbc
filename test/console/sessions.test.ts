import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ConsoleSessions } from '#src/console/sessions.js';

const minuteMs = 60_000;
const openSessions = () => {
  const now = { ms: 0 };
  return { now, sessions: new ConsoleSessions(() => now.ms) };
};

it('knows a session by its name until it is closed', () => {
  const { sessions } = openSessions();
  const name = sessions.open();
  assert.match(name, /^[\w-]{43}$/);
  assert.ok(sessions.use(name));
  assert.ok(!sessions.use(`${name.slice(0, -1)}!`));
  sessions.close(name);
  assert.ok(!sessions.use(name));
});

it('ends a session that nobody used for an hour', () => {
  const { now, sessions } = openSessions();
  const name = sessions.open();
  now.ms += 59 * minuteMs;
  assert.ok(sessions.use(name));
  now.ms += 59 * minuteMs;
  assert.ok(sessions.use(name));
  now.ms += 61 * minuteMs;
  assert.ok(!sessions.use(name));
});

it('ends a session after twelve hours, however much it is used', () => {
  const { now, sessions } = openSessions();
  const name = sessions.open();
  for (let half = 0; half < 24; half++) {
    assert.ok(sessions.use(name), `after ${half / 2} hours`);
    now.ms += 30 * minuteMs;
  }
  now.ms += minuteMs;
  assert.ok(!sessions.use(name));
});

it('lets the oldest go when there are too many', () => {
  const { sessions } = openSessions();
  const names = Array.from({ length: 33 }, () => sessions.open());
  assert.deepEqual(names.map((name) => sessions.use(name)).indexOf(true), 1);
});
