import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import type { AddressText } from '#src/lib/address.js';
import type { Session } from '#src/lib/session.js';
import { createSessionTable, SessionTable } from '#src/shm/sessionTable.js';
import { propertyRuns } from '#test/runs.js';
import { type SessionThreadData, sessionAt } from './sessionThread.js';

const nowS = 1_750_000_000;
const callerOf = (digit: number): AddressText => `0x${digit.toString(16).padStart(2, '0').repeat(20)}`;
const sessionOf = (caller: number, expiresAtS = nowS + 60): Session => ({
  id: randomBytes(16).toString('hex'),
  caller: callerOf(caller),
  key: new Uint8Array(randomBytes(32)),
  expiresAtS,
});
const tableOf = (capacity: number, perCaller: number): SessionTable =>
  new SessionTable(createSessionTable({ capacity, perCaller }));

describe('the session table', () => {
  it('gives back what was put, in every thread that has the memory', () => {
    const memory = createSessionTable({ capacity: 16, perCaller: 4 });
    const session = sessionOf(0xfe);
    assert.equal(new SessionTable(memory).put(session, nowS), 'stored');
    assert.deepEqual(new SessionTable(memory).find(session.id, nowS), session);
    assert.equal(new SessionTable(memory).find('0'.repeat(32), nowS), undefined);
  });

  it('hands out keys that do not share its memory', () => {
    const table = tableOf(4, 2);
    const session = sessionOf(1);
    table.put(session, nowS);
    table.find(session.id, nowS)!.key.fill(0);
    assert.deepEqual(table.find(session.id, nowS), session);
  });

  it('forgets a session in the second of its end', () => {
    const table = tableOf(4, 2);
    const session = sessionOf(1, nowS + 10);
    table.put(session, nowS);
    assert.ok(table.find(session.id, nowS + 9));
    assert.equal(table.find(session.id, nowS + 10), undefined);
  });

  it("lets a caller's oldest give way to its next, and nobody else's", () => {
    const table = tableOf(100, 3);
    const other = sessionOf(2);
    table.put(other, nowS);
    const own = Array.from({ length: 5 }, () => sessionOf(1));
    for (const session of own) assert.equal(table.put(session, nowS), 'stored');
    assert.deepEqual(
      own.map(({ id }) => table.find(id, nowS) !== undefined),
      [false, false, true, true, true],
    );
    assert.ok(table.find(other.id, nowS));
  });

  it('leaves nothing of the key of one that gave way', () => {
    const memory = createSessionTable({ capacity: 4, perCaller: 1 });
    const table = new SessionTable(memory);
    const first = sessionOf(1);
    table.put(first, nowS);
    assert.ok(Buffer.from(memory).includes(Buffer.from(first.key)));
    table.put(sessionOf(1), nowS);
    assert.ok(!Buffer.from(memory).includes(Buffer.from(first.key)));
  });

  it('refuses when it is full of live sessions, until one has ended', () => {
    const table = tableOf(4, 2);
    const sessions = [1, 1, 2, 2].map((caller, i) => sessionOf(caller, nowS + 10 + i));
    for (const session of sessions) assert.equal(table.put(session, nowS), 'stored');
    assert.equal(table.put(sessionOf(3), nowS), 'full');
    for (const { id } of sessions) assert.ok(table.find(id, nowS));
    assert.equal(table.put(sessionOf(1), nowS), 'stored', 'the oldest of that caller gave way');
    assert.equal(table.find(sessions[0]!.id, nowS), undefined);
    assert.equal(table.put(sessionOf(3), nowS + 11), 'stored');
  });

  it('never gives one caller more than half of it', () => {
    const table = tableOf(4, 100);
    const own = [1, 2, 3].map(() => sessionOf(1));
    for (const session of own) assert.equal(table.put(session, nowS), 'stored');
    assert.equal(table.find(own[0]!.id, nowS), undefined);
  });

  it('finds sessions that crowd one bucket, also after those in front of them have ended', () => {
    const table = tableOf(16, 16);
    const crowd = Array.from({ length: 14 }, (_, i) => ({
      ...sessionOf(i, nowS + 10 + i),
      id: `00000000${randomBytes(12).toString('hex')}`,
    }));
    for (const session of crowd) assert.equal(table.put(session, nowS), 'stored');
    for (let second = 0; second < 25; second++) {
      const found = crowd.filter(({ id }) => table.find(id, nowS + second) !== undefined);
      assert.deepEqual(
        found,
        crowd.filter(({ expiresAtS }) => expiresAtS > nowS + second),
      );
    }
  });

  it('does what a list of live sessions would do', () => {
    const step = fc.record({ caller: fc.nat(4), livesS: fc.integer({ min: 1, max: 20 }), passS: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const capacity = 8;
        const perCaller = 3;
        const table = tableOf(capacity, perCaller);
        let now = nowS;
        let model: Session[] = [];
        const made: Session[] = [];
        for (const { caller, livesS, passS } of steps) {
          now += passS;
          model = model.filter(({ expiresAtS }) => expiresAtS > now);
          const session = sessionOf(caller, now + livesS);
          made.push(session);
          const own = model.filter((other) => other.caller === session.caller);
          const stays = own.length < perCaller ? model : model.filter((other) => other !== own[0]);
          const isFull = stays.length >= capacity;
          assert.equal(table.put(session, now), isFull ? 'full' : 'stored');
          if (!isFull) model = [...stays, session];
          for (const each of made) {
            assert.deepEqual(table.find(each.id, now), model.includes(each) ? each : undefined);
          }
        }
      }),
      { numRuns: propertyRuns(400) },
    );
  });

  it('never shows half a session while other threads write, and keeps its bounds', async () => {
    const threads = 2;
    const count = propertyRuns(40_000);
    const perCaller = 3;
    const memory = createSessionTable({ capacity: 8, perCaller });
    const progress = new SharedArrayBuffer(threads * 4);
    const done = new Int32Array(progress);
    const exits = Array.from({ length: threads }, (_, thread) => {
      const workerData: SessionThreadData = { table: memory, progress, thread, count, nowS };
      return once(new Worker(new URL('./sessionThread.js', import.meta.url), { workerData }), 'exit');
    });
    const table = new SessionTable(memory);
    let found = 0;
    while (done.some((_, thread) => Atomics.load(done, thread) < count)) {
      for (let thread = 0; thread < threads; thread++) {
        const latest = Atomics.load(done, thread);
        for (let i = Math.max(0, latest - 4); i < Math.min(latest + 2, count); i++) {
          const session = sessionAt(thread, i, nowS);
          const seen = table.find(session.id, nowS);
          if (seen === undefined) continue;
          found++;
          assert.deepEqual(seen, session);
        }
      }
      // So that the writers' exits are heard.
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const exit of exits) assert.deepEqual(await exit, [0]);
    assert.ok(found > 0);
    for (let thread = 0; thread < threads; thread++) {
      const live = Array.from({ length: count }, (_, i) => table.find(sessionAt(thread, i, nowS).id, nowS));
      assert.equal(live.filter((session) => session !== undefined).length, perCaller);
      assert.ok(
        live.slice(-perCaller).every((session) => session !== undefined),
        'the latest ones stay',
      );
    }
  });
});
