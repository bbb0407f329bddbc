import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { backendColumn, createInFlightTable, InFlightTable } from '#src/shm/inFlightTable.js';
import { createWaitingLines, maxLanes, type Ticket, WaitingLines } from '#src/shm/waitingLines.js';
import { propertyRuns } from '#test/runs.js';
import { notes, noteWords, type WaitThreadData } from './waitThread.js';

const fronts = 3;
const lanes = [0, 1, maxLanes - 1];

type Step =
  | { readonly kind: 'join' | 'rejoin'; readonly lane: number; readonly front: number }
  | { readonly kind: 'leave'; readonly nth: number }
  | { readonly kind: 'offer'; readonly lane: number; readonly front: number; readonly places: number }
  | { readonly kind: 'fetch'; readonly front: number }
  | { readonly kind: 'die'; readonly front: number };

const lane = fc.constantFrom(...lanes);
const front = fc.nat(fronts - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('join' as const), lane, front }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rejoin' as const), lane, front }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('leave' as const), nth: fc.nat(100) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('offer' as const), lane, front, places: fc.nat(3) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fetch' as const), front }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), front }) },
);

interface Waiting {
  readonly id: number;
  readonly lane: number;
  readonly front: number;
  readonly ticket: Ticket;
  slot: number | undefined;
}

/** What the lines must do, as plain lists. */
class Model {
  /** Nodes in use: everyone in a line, and everyone whose grant was not fetched yet. */
  all: Waiting[] = [];
  /** In the order of the grants. */
  granted: Waiting[] = [];

  lineOf(laneIndex: number): Waiting[] {
    return this.all.filter((each) => each.lane === laneIndex && each.slot === undefined);
  }

  remove(gone: (each: Waiting) => boolean): void {
    this.all = this.all.filter((each) => !gone(each));
    this.granted = this.granted.filter((each) => !gone(each));
  }
}

describe('waiting lines beside plain lists', () => {
  it('first come first served, bounded; no grant is lost or given twice; nodes are used again', () => {
    const [capacity, maxWaiting] = [7, 4];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const memory = createWaitingLines({ fronts, capacity });
        // One view per front, as in the node.
        const views = Array.from({ length: fronts }, () => new WaitingLines(memory));
        const model = new Model();
        let nextId = -3;
        let nextSlot = 0;
        for (const each of steps) {
          switch (each.kind) {
            case 'join': {
              const id = nextId++;
              const ticket = views[each.front]!.join(each.lane, each.front, id, maxWaiting);
              const isRoom = model.lineOf(each.lane).length < maxWaiting && model.all.length < capacity;
              assert.equal(ticket !== undefined, isRoom);
              if (ticket === undefined) break;
              assert.ok(!model.all.some((other) => other.ticket === ticket), 'a ticket was given twice');
              model.all.push({ id, lane: each.lane, front: each.front, ticket, slot: undefined });
              break;
            }
            case 'rejoin': {
              const id = nextId++;
              const ticket = views[each.front]!.rejoin(each.lane, each.front, id);
              assert.equal(ticket !== undefined, model.all.length < capacity);
              if (ticket === undefined) break;
              assert.ok(!model.all.some((other) => other.ticket === ticket), 'a ticket was given twice');
              model.all.unshift({ id, lane: each.lane, front: each.front, ticket, slot: undefined });
              break;
            }
            case 'leave': {
              const leaving = model.all[each.nth % Math.max(1, model.all.length)];
              if (leaving === undefined) break;
              assert.equal(views[leaving.front]!.leave(leaving.ticket), leaving.slot);
              model.remove((other) => other === leaving);
              break;
            }
            case 'offer': {
              const line = model.lineOf(each.lane);
              const asked: number[] = [];
              views[each.front]!.offer(each.lane, (frontIndex) => {
                asked.push(frontIndex);
                if (asked.length > each.places) return undefined;
                const waiting = line[asked.length - 1]!;
                waiting.slot = nextSlot++;
                model.granted.push(waiting);
                return waiting.slot;
              });
              // Asked for one more than there are places, unless nobody was left.
              const expected = line.slice(0, each.places + 1).map((waiting) => waiting.front);
              assert.deepEqual(asked, expected);
              break;
            }
            case 'fetch': {
              const expected = model.granted.filter((waiting) => waiting.front === each.front);
              const fetched = views[each.front]!.fetchGrants(each.front);
              assert.deepEqual(
                fetched,
                expected.map(({ id, slot }) => ({ id, slot })),
              );
              model.remove((waiting) => expected.includes(waiting));
              break;
            }
            case 'die': {
              new WaitingLines(memory).clearFront(each.front);
              model.remove((waiting) => waiting.front === each.front);
              break;
            }
          }
          for (const laneIndex of lanes) {
            assert.equal(views[0]!.length(laneIndex), model.lineOf(laneIndex).length);
          }
        }
        // Whatever happened before, everyone can leave, and then all nodes are there.
        for (const { front: frontIndex, ticket, slot } of model.all) {
          assert.equal(views[frontIndex]!.leave(ticket), slot);
        }
        const tickets = Array.from({ length: capacity + 1 }, (_, id) => views[0]!.join(0, 0, id, 100));
        assert.equal(new Set(tickets.slice(0, capacity)).size, capacity);
        assert.equal(tickets.indexOf(undefined), capacity);
      }),
      { numRuns: propertyRuns(3_000) },
    );
  });
});

describe('waiting lines', () => {
  const takeSlot =
    (...slots: number[]) =>
    (): number | undefined =>
      slots.shift();

  it('a granted place that is left comes back, and the grants behind it still arrive in order', () => {
    for (const leaving of [0, 1, 2]) {
      const lines = new WaitingLines(createWaitingLines({ fronts: 1, capacity: 8 }));
      const tickets = [10, 11, 12].map((id) => lines.join(5, 0, id, 8)!);
      lines.offer(5, takeSlot(70, 71, 72));
      assert.equal(lines.leave(tickets[leaving]!), 70 + leaving);
      lines.join(5, 0, 13, 8);
      lines.offer(5, takeSlot(73));
      const ids = [10, 11, 12, 13].filter((id) => id !== 10 + leaving);
      assert.deepEqual(
        lines.fetchGrants(0),
        ids.map((id) => ({ id, slot: id + 60 })),
      );
      assert.deepEqual(lines.fetchGrants(0), []);
    }
  });

  it('a full memory refuses also where the line itself has room, and serves again when one has left', () => {
    const lines = new WaitingLines(createWaitingLines({ fronts: 1, capacity: 2 }));
    const first = lines.join(0, 0, 1, 10)!;
    lines.join(1, 0, 2, 10);
    assert.equal(lines.join(2, 0, 3, 10), undefined);
    lines.leave(first);
    assert.notEqual(lines.join(2, 0, 3, 10), undefined);
  });

  it('a line of length 0 refuses everyone', () => {
    const lines = new WaitingLines(createWaitingLines({ fronts: 1, capacity: 0 }));
    assert.equal(lines.join(0, 0, 1, 0), undefined);
    assert.equal(lines.length(0), 0);
  });

  it('a take that throws leaves the lines usable', () => {
    const lines = new WaitingLines(createWaitingLines({ fronts: 1, capacity: 2 }));
    lines.join(0, 0, 1, 2);
    const broken = new Error('no place can be taken');
    assert.throws(
      () =>
        lines.offer(0, () => {
          throw broken;
        }),
      broken,
    );
    lines.offer(0, takeSlot(4));
    assert.deepEqual(lines.fetchGrants(0), [{ id: 1, slot: 4 }]);
  });

  it('rings the fronts that got a place, and no other', async () => {
    const lines = new WaitingLines(createWaitingLines({ fronts: 3, capacity: 4 }));
    const heard: number[] = [];
    const rings = [0, 0, 0];
    const stops = [0, 1, 2].map((each) =>
      lines.onRing(each, () => {
        heard.push(...lines.fetchGrants(each).map(({ id }) => id));
        rings[each]!++;
      }),
    );
    // Everyone looks once at the beginning, for what was given before.
    assert.deepEqual(rings.splice(0, 3, 0, 0, 0), [1, 1, 1]);
    lines.join(0, 0, 100, 4);
    lines.join(0, 2, 102, 4);
    lines.offer(0, takeSlot(1, 2));
    await until(() => heard.length === 2);
    assert.deepEqual(rings, [1, 0, 1]);
    for (const stop of stops) stop();
    lines.join(0, 0, 103, 4);
    lines.offer(0, takeSlot(3));
    for (let i = 0; i < 20; i++) await turn();
    assert.equal(rings[0], 1, 'a stopped listener was called');
  });
});

describe('several threads at the waiting lines', () => {
  it('never hold more places than there are, and all are served in the end', async () => {
    const [threads, limit] = [3, 2];
    const stand = createStand(threads);
    const ends = Array.from({ length: threads }, (_, thread) =>
      endOf(stand.start({ behaviour: 'work', thread, threads, limit, requests: 1_500, atOnce: 9 })),
    );
    assert.deepEqual(await Promise.all(ends), [0, 0, 0]);
    const noted = (word: number): number => stand.notes[word]!;
    assert.equal(noted(notes.overLimit), 0, 'more were in than there are places');
    assert.equal(noted(notes.lineTooLong), 0, 'more waited than may');
    assert.equal(noted(notes.inside), 0);
    assert.equal(noted(notes.served), threads * 1_500);
    assert.equal(stand.lines.length(0), 0);
    assert.equal(stand.inFlight.total(backendColumn(0)), 0);
    // The walk must have met what it is about, or it has shown nothing.
    assert.ok(noted(notes.rung) > 0, 'no place came from another thread');
    assert.ok(noted(notes.lineFull) > 0, 'the line was never full');
    assert.ok(noted(notes.left) > 0, 'nobody left the line');
    const rest = Array.from({ length: capacity + 1 }, (_, id) => stand.lines.join(0, 0, id, 10_000));
    assert.equal(rest.indexOf(undefined), capacity, 'nodes were lost');
  });

  it('a thread that ends while it waits and listens breaks nothing for the others', async () => {
    const stand = createStand(2);
    const common = { threads: 2, limit: 1, requests: 0, atOnce: 0 };
    const dying = stand.start({ ...common, behaviour: 'listen', thread: 0 });
    const living = stand.start({ ...common, behaviour: 'listen', thread: 1 });
    await Promise.all([once(dying, 'message'), once(living, 'message')]);
    // Two are in line for each thread; one of the dying thread's has a place that it never fetches.
    stand.lines.join(0, 0, 1, 10);
    stand.lines.join(0, 0, 2, 10);
    stand.lines.join(0, 1, 3, 10);
    stand.lines.join(0, 1, 4, 10);
    await dying.terminate();
    const take = (frontIndex: number): number | undefined =>
      stand.inFlight.tryEnter(frontIndex, backendColumn(0), 1) ? 0 : undefined;
    // Rings a thread that is gone.
    stand.lines.offer(0, take);
    assert.equal(stand.inFlight.total(backendColumn(0)), 1);
    stand.lines.clearFront(0);
    stand.inFlight.clearFront(0);
    assert.equal(stand.inFlight.total(backendColumn(0)), 0);
    assert.equal(stand.lines.length(0), 2);

    const heard = once(living, 'message');
    stand.lines.offer(0, take);
    assert.deepEqual(await heard, [{ id: 3, slot: 0 }]);

    // The thread that is started in its place hears its bell.
    const replaced = stand.start({ ...common, behaviour: 'listen', thread: 0 });
    await once(replaced, 'message');
    stand.inFlight.leave(1, backendColumn(0));
    stand.lines.offer(0, take);
    assert.deepEqual(await once(living, 'message'), [{ id: 4, slot: 0 }]);
    stand.inFlight.leave(1, backendColumn(0));
    stand.lines.join(0, 0, 5, 10);
    stand.lines.offer(0, take);
    assert.deepEqual(await once(replaced, 'message'), [{ id: 5, slot: 0 }]);
    await Promise.all([replaced.terminate(), living.terminate()]);
  });
});

const capacity = 64;

function createStand(threads: number) {
  const waitingLines = createWaitingLines({ fronts: threads, capacity });
  const inFlight = createInFlightTable(threads);
  const words = new SharedArrayBuffer(4 * noteWords);
  return {
    lines: new WaitingLines(waitingLines),
    inFlight: new InFlightTable(inFlight),
    notes: new Int32Array(words),
    start(work: Omit<WaitThreadData, 'waitingLines' | 'inFlight' | 'notes'>): Worker {
      const workerData: WaitThreadData = { ...work, waitingLines, inFlight, notes: words };
      return new Worker(new URL('./waitThread.js', import.meta.url), { workerData });
    },
  };
}

async function endOf(worker: Worker): Promise<number> {
  const [exitCode] = await once(worker, 'exit');
  return exitCode;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(isTrue: () => boolean): Promise<void> {
  for (let turns = 0; !isTrue(); turns++) {
    // Far more than a bell takes inside one thread: it was never rung.
    assert.ok(turns < 100_000, 'nothing happens any more');
    await turn();
  }
}
