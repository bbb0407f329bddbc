import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Admission, type AdmissionOutcome, createAdmission } from '#src/openai/admission.js';
import type { RoutedModel } from '#src/openai/routedModels.js';
import type { BackendStates, Place } from '#src/openai/selectBackend.js';
import { BackendHealth, createBackendHealth } from '#src/shm/backendHealth.js';
import { Breakers, createBreakers } from '#src/shm/breakers.js';
import { backendColumn, createInFlightTable, InFlightTable } from '#src/shm/inFlightTable.js';
import { createWaitingLines, WaitingLines } from '#src/shm/waitingLines.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';
import { routedBackend, routedModel } from './routedModel.js';
import { createTestExchange, type TestExchange } from './testExchange.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const fronts = 2;
const failures = 2;
const openForMs = 3_500;
const maxWaitMs = 5_000;
/** How often those who wait look for themselves. */
const lookAgainMs = 100;

/** One request, from its arrival on. */
interface Request extends TestExchange {
  readonly name: string;
  place: Place | undefined;
  /** The answer ended, so the place is given back. */
  finish(): void;
}

interface StandOptions {
  readonly limits?: readonly number[];
  readonly maxWaiting?: number;
  readonly capacity?: number;
}

const closers: (() => void)[] = [];

/** Two fronts in one thread: each has its own view of the shared memory, and hears its own bell. */
function createStand({ limits = [1], maxWaiting = 4, capacity = 64 }: StandOptions = {}) {
  const clock = { nowMs: 100_000 };
  const [inFlight, health, breakers, waitingLines] = [
    createInFlightTable(fronts),
    createBackendHealth(),
    createBreakers(),
    createWaitingLines({ fronts, capacity }),
  ];
  const statesOfFront = (): BackendStates => ({
    inFlight: new InFlightTable(inFlight),
    health: new BackendHealth(health),
    breakers: new Breakers(breakers, { failures, openForMs, nowMs: () => clock.nowMs }),
  });
  const model = routedModel({
    lane: 3,
    backends: limits.map((maxConcurrency, slot) =>
      routedBackend({ slot, maxConcurrency, identityHash: slot }),
    ),
  });
  const models: (readonly RoutedModel[])[] = Array.from({ length: fronts }, () => [model]);
  const outcomes: AdmissionOutcome[] = [];
  const admitted: string[] = [];
  const admissions = models.map((_, front): Admission => {
    const admission = createAdmission({
      front,
      states: statesOfFront(),
      lines: new WaitingLines(waitingLines),
      models: () => models[front]!,
      maxWaiting,
      maxWaitMs,
      count: (_, outcome) => outcomes.push(outcome),
    });
    closers.push(() => admission.close());
    return admission;
  });
  const states = statesOfFront();
  const lines = new WaitingLines(waitingLines);

  return {
    clock,
    model,
    states,
    lines,
    outcomes,
    admitted,
    admissions,
    /** Names of those that got a place, in that order. */
    totals: () => limits.map((_, slot) => states.inFlight.total(backendColumn(slot))),
    waiting: () => lines.length(model.lane),
    setModels(next: readonly RoutedModel[], onFronts: readonly number[] = [0, 1]): void {
      for (const front of onFronts) models[front] = next;
    },
    request(name: string, front: number, wanted: RoutedModel = model): Request {
      const exchange = createTestExchange();
      const request: Request = {
        ...exchange,
        name,
        place: undefined,
        finish: () => exchange.x.respond(200, 'application/json', '{}'),
      };
      exchange.x.attempt(() =>
        admissions[front]!.admit(exchange.x, wanted, undefined, (place) => {
          request.place = place;
          admitted.push(name);
          exchange.x.onEnd(() => admissions[front]!.leave(wanted, place));
        }),
      );
      return request;
    },
  };
}

/** Read anew: the compiler takes a property that was once `undefined` to stay so. */
const placeOf = ({ place }: Request): Place | undefined => place;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** For what comes over the bell; there is no other sign of it. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let turns = 0; !isTrue(); turns++) {
    // Far more than a bell takes inside one thread: it was never rung.
    assert.ok(turns < 100_000, 'nothing happens any more');
    await turn();
  }
}

/** Long enough for any bell that was rung. */
async function bellsHaveRung(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }));
afterEach(() => {
  for (const close of closers.splice(0)) close();
  mock.timers.reset();
});

describe('admission', () => {
  it('gives a free place at once and counts it', () => {
    const { request, outcomes, totals } = createStand();
    const first = request('first', 0);
    assert.equal(first.place?.backend.slot, 0);
    assert.deepEqual(totals(), [1]);
    first.finish();
    assert.deepEqual(totals(), [0]);
    assert.deepEqual(outcomes, ['at_once']);
  });

  it('first come first served over both fronts', async () => {
    const { request, admitted, waiting, totals, outcomes } = createStand();
    const fronts = [0, 1, 1, 0, 1];
    const requests = fronts.map((front, i) => request(`${i}`, front));
    assert.equal(waiting(), 4);
    for (const [i, each] of requests.entries()) {
      await until(() => each.place !== undefined);
      assert.equal(admitted.length, i + 1);
      assert.deepEqual(totals(), [1]);
      each.finish();
    }
    assert.deepEqual(admitted, ['0', '1', '2', '3', '4']);
    assert.deepEqual(totals(), [0]);
    assert.deepEqual(outcomes, ['at_once', 'waited', 'waited', 'waited', 'waited']);
  });

  it('a place that comes free belongs to the head of the line, not to who asks in that moment', async () => {
    const { request, totals } = createStand();
    const first = request('first', 0);
    const head = request('head', 1);
    first.finish();
    // The other front has not heard of its place yet.
    assert.equal(placeOf(head), undefined);
    const late = request('late', 0);
    assert.equal(late.place, undefined);
    await until(() => head.place !== undefined);
    assert.equal(late.place, undefined);
    assert.deepEqual(totals(), [1]);
  });

  it('nobody overtakes those who wait, even where a place is free', () => {
    const { request, states, lines, model } = createStand({ limits: [2] });
    states.inFlight.enter(1, backendColumn(0));
    states.inFlight.enter(1, backendColumn(0));
    const head = request('head', 0);
    // A place comes free of which nobody told, as when a front dies.
    states.inFlight.clearFront(1);
    states.inFlight.enter(1, backendColumn(0));
    const late = request('late', 1);
    assert.equal(lines.length(model.lane), 1);
    assert.equal(late.place, undefined, 'the late one overtook');
    // In line it looks for places for everyone, so the head has one.
    mock.timers.tick(lookAgainMs);
    assert.notEqual(head.place, undefined);
    assert.equal(late.place, undefined);
  });

  it('those who wait find places that came free without a word', () => {
    const { request, states } = createStand();
    states.inFlight.enter(1, backendColumn(0));
    const head = request('head', 0);
    states.inFlight.clearFront(1);
    mock.timers.tick(lookAgainMs - 1);
    assert.equal(placeOf(head), undefined);
    mock.timers.tick(1);
    assert.notEqual(head.place, undefined);
  });

  it('a full line answers 429 queue_full with Retry-After, over both fronts together', () => {
    const { request, outcomes } = createStand({ maxWaiting: 2 });
    for (const front of [0, 0, 1]) request('in', front);
    for (const front of [0, 1]) {
      const refused = request('refused', front);
      assert.equal(refused.x.status, 429);
      assert.equal(refused.x.errorCode, 'queue_full');
      assert.equal(refused.headers.get('retry-after'), '1');
    }
    assert.deepEqual(outcomes, ['at_once', 'queue_full', 'queue_full']);
  });

  it('without a line a request is refused where it would have to wait', () => {
    const { request, waiting } = createStand({ maxWaiting: 0 });
    assert.notEqual(request('in', 0).place, undefined);
    assert.equal(request('refused', 0).x.status, 429);
    assert.equal(waiting(), 0);
  });

  it('who waited long enough gets 503 queue_timeout with Retry-After and is out of the line', () => {
    const { request, outcomes, waiting, totals } = createStand();
    const first = request('first', 0);
    const waited = request('waited', 1);
    mock.timers.tick(maxWaitMs - 1);
    assert.equal(waited.x.isOpen, true);
    mock.timers.tick(1);
    assert.equal(waited.x.status, 503);
    assert.equal(waited.x.errorCode, 'queue_timeout');
    assert.equal(waited.headers.get('retry-after'), '1');
    assert.equal(waiting(), 0);
    first.finish();
    assert.deepEqual(totals(), [0]);
    assert.deepEqual(outcomes, ['at_once', 'queue_timeout']);
  });

  it('a place that was given before the deadline counts, even when its bell comes after', () => {
    const { request, outcomes, totals } = createStand();
    const first = request('first', 0);
    const waited = request('waited', 1);
    first.finish();
    assert.equal(waited.place, undefined);
    mock.timers.tick(maxWaitMs);
    assert.notEqual(waited.place, undefined);
    assert.equal(waited.x.isOpen, true);
    assert.deepEqual(totals(), [1]);
    assert.deepEqual(outcomes, ['at_once', 'waited']);
  });

  it('a client that leaves the line is nobody any more', async () => {
    const { request, admitted, outcomes, waiting } = createStand();
    const first = request('first', 0);
    const leaves = request('leaves', 1);
    const stays = request('stays', 1);
    leaves.abort();
    assert.equal(waiting(), 1);
    first.finish();
    await until(() => stays.place !== undefined);
    assert.deepEqual(admitted, ['first', 'stays']);
    assert.deepEqual(outcomes, ['at_once', 'left', 'waited']);
    mock.timers.tick(maxWaitMs);
    assert.deepEqual(leaves.faults, []);
  });

  it('a client that leaves with a place it has not heard of hands it to the next', async () => {
    const { request, admitted, totals } = createStand();
    const first = request('first', 0);
    const leaves = request('leaves', 1);
    const next = request('next', 0);
    first.finish();
    leaves.abort();
    await until(() => next.place !== undefined);
    assert.deepEqual(admitted, ['first', 'next']);
    assert.deepEqual(totals(), [1]);
    next.finish();
    assert.deepEqual(totals(), [0]);
  });

  it('tells how long a request waited', async () => {
    const { request } = createStand();
    const first = request('first', 0);
    const waits = request('waits', 0);
    waits.x.inference = {
      model: 'a/model',
      backend: undefined,
      provider: undefined,
      attempts: 0,
      queuedMs: 0,
      usage: undefined,
    };
    await turn();
    first.finish();
    assert.ok(waits.x.inference.queuedMs > 0);
  });

  it('a place at another backend leaves out those that were asked, and does not wait', () => {
    const { admissions, model, totals, outcomes } = createStand({ limits: [1, 1] });
    const [one, two] = model.backends;
    assert.equal(admissions[0]!.another(model, [one!])?.backend, two);
    assert.equal(admissions[0]!.another(model, [one!]), undefined);
    assert.equal(admissions[0]!.another(model, [one!, two!]), undefined);
    assert.deepEqual(totals(), [0, 1]);
    assert.deepEqual(outcomes, []);
  });
});

describe('admission beside breakers', () => {
  it('answers 503 no_backend when none may be asked, and says when one may', () => {
    const { request, states, clock, outcomes } = createStand({ limits: [1, 1] });
    for (const slot of [1, 0]) {
      for (let i = 0; i < failures; i++) states.breakers.fail(slot, false);
      clock.nowMs += 1_000;
    }
    const refused = request('refused', 0);
    assert.equal(refused.x.status, 503);
    assert.equal(refused.x.errorCode, 'no_backend');
    // 3.5 s from the first opening, of which 2 s are over.
    assert.equal(refused.headers.get('retry-after'), '2');
    clock.nowMs += 1_500;
    assert.equal(request('probe', 0).place?.isProbe, true);
    const second = request('second', 1);
    assert.equal(second.x.errorCode, 'no_backend');
    assert.equal(second.headers.get('retry-after'), '1');
    assert.deepEqual(outcomes, ['no_backend', 'at_once', 'no_backend']);
  });

  it('nobody joins a line that cannot move', () => {
    const { request, states, waiting } = createStand();
    request('first', 0);
    request('waits', 0);
    for (let i = 0; i < failures; i++) states.breakers.fail(0, false);
    assert.equal(request('refused', 1).x.errorCode, 'no_backend');
    assert.equal(waiting(), 1);
  });

  it('the head of the line probes, on whichever front it waits, and the others wait on', async () => {
    const { request, states, clock, admissions, model } = createStand({ limits: [2] });
    const running = [request('a', 0), request('b', 0)];
    const head = request('head', 1);
    const behind = request('behind', 0);
    for (let i = 0; i < failures; i++) states.breakers.fail(0, false);
    for (const each of running) each.finish();
    await bellsHaveRung();
    assert.equal(placeOf(head), undefined);
    clock.nowMs += openForMs;
    mock.timers.tick(lookAgainMs);
    await until(() => head.place !== undefined);
    assert.equal(placeOf(head)?.isProbe, true);
    assert.equal(placeOf(behind), undefined);
    // It ends without a verdict: the next one probes.
    head.abort();
    assert.equal(placeOf(behind), undefined, 'the news of it takes a moment');
    await until(() => behind.place !== undefined);
    assert.equal(placeOf(behind)?.isProbe, true);
    assert.equal(admissions[1]!.another(model, []), undefined);
  });

  it('a probe that was granted to a client that just left is free again', async () => {
    const { request, states, clock } = createStand();
    const first = request('first', 0);
    const head = request('head', 1);
    for (let i = 0; i < failures; i++) states.breakers.fail(0, false);
    clock.nowMs += openForMs;
    first.finish();
    assert.equal(states.breakers.isProbed(0), true);
    head.abort();
    assert.equal(states.breakers.isProbed(0), false);
    assert.equal(request('next', 0).place?.isProbe, true);
  });
});

describe('admission over a reload', () => {
  it('those who wait for a model that is taken away are still served by its old backends', async () => {
    const { request, setModels, totals, waiting } = createStand();
    const first = request('first', 0);
    const [here, there] = [request('here', 0), request('there', 1)];
    setModels([]);
    first.finish();
    assert.equal(placeOf(here)?.backend.slot, 0);
    here.finish();
    await until(() => there.place !== undefined);
    there.finish();
    assert.deepEqual(totals(), [0]);
    assert.equal(waiting(), 0);
  });

  it('those who wait get the places of a backend that was added', async () => {
    const { request, setModels, model, states } = createStand();
    request('first', 0);
    const [here, there] = [request('here', 0), request('there', 1)];
    const added = routedBackend({ slot: 5, maxConcurrency: 2 });
    setModels([{ ...model, backends: [...model.backends, added] }]);
    mock.timers.tick(lookAgainMs);
    await until(() => there.place !== undefined);
    assert.equal(placeOf(here)?.backend, added);
    assert.equal(placeOf(there)?.backend, added);
    assert.equal(states.inFlight.total(backendColumn(5)), 2);
  });

  it('a place at a backend that this front does not know yet costs nobody their turn', async () => {
    const { request, setModels, model, states, outcomes, admitted } = createStand();
    const first = request('first', 0);
    const [head, second, third] = [request('head', 1), request('second', 1), request('third', 1)];
    const last = request('last', 0);
    const added = routedBackend({ slot: 5, maxConcurrency: 2 });
    const models = [{ ...model, backends: [...model.backends, added] }];
    // The news of the reload has reached one front only.
    setModels(models, [0]);
    mock.timers.tick(lookAgainMs);
    await bellsHaveRung();
    assert.equal(head.x.isOpen && second.x.isOpen, true, 'a request that waits was refused');
    assert.equal(placeOf(head) ?? placeOf(second), undefined);
    setModels(models, [1]);
    mock.timers.tick(lookAgainMs);
    await until(() => second.place !== undefined);
    assert.equal(placeOf(head)?.backend, added);
    first.finish();
    await until(() => third.place !== undefined);
    assert.deepEqual(admitted, ['first', 'head', 'second', 'third']);
    assert.equal(states.inFlight.total(backendColumn(5)), 2);
    assert.equal(states.inFlight.total(backendColumn(0)), 1);
    assert.deepEqual(outcomes, ['at_once', 'waited', 'waited', 'waited']);
    second.finish();
    await until(() => last.place !== undefined);
    assert.equal(placeOf(last)?.backend, added);
  });

  it('who waits on has left for good when the client goes', async () => {
    const { request, setModels, model, states, waiting } = createStand();
    const first = request('first', 0);
    const head = request('head', 1);
    const next = request('next', 0);
    const added = routedBackend({ slot: 5, maxConcurrency: 1 });
    setModels([{ ...model, backends: [...model.backends, added] }], [0]);
    mock.timers.tick(lookAgainMs);
    await bellsHaveRung();
    assert.equal(waiting(), 2);
    head.abort();
    assert.equal(waiting(), 1);
    mock.timers.tick(lookAgainMs);
    assert.equal(placeOf(next)?.backend, added);
    for (const each of [first, next]) each.finish();
    assert.equal(waiting(), 0);
    assert.equal(states.inFlight.total(backendColumn(5)), 0);
  });
});

describe('admission of many', () => {
  it('random arrivals, ends and departures on both fronts: the limit holds, nothing is left over', async () => {
    const random = repeatableRandom(5);
    const { request, totals, waiting, outcomes } = createStand({ limits: [2, 3], maxWaiting: 8 });
    const all: Request[] = [];
    for (let i = 0; i < 2_000; i++) {
      const open = all.filter(({ x }) => x.isOpen);
      const picked = open[Math.floor(random() * open.length)];
      if (random() < 0.5) all.push(request(`${i}`, i % 2));
      else if (picked?.place !== undefined) picked.finish();
      else if (random() < 0.3) picked?.abort();
      if (random() < 0.2) await turn();
      const [one, two] = totals();
      assert.ok(one! <= 2 && two! <= 3, `${one} and ${two}`);
      assert.ok(waiting() <= 8);
      if (waiting() > 0) assert.equal(one! + two!, 5, 'a place is free while requests wait');
    }
    await until(() => {
      const open = all.filter(({ x }) => x.isOpen);
      for (const each of open) if (each.place !== undefined) each.finish();
      return open.length === 0;
    });
    assert.deepEqual(totals(), [0, 0]);
    assert.equal(waiting(), 0);
    const count = (outcome: AdmissionOutcome): number => outcomes.filter((each) => each === outcome).length;
    assert.equal(outcomes.length, all.length);
    assert.ok(Math.min(count('at_once'), count('waited'), count('left'), count('queue_full')) > 20);
    for (const { x, faults } of all) assert.ok(x.errorCode === 'queue_full' || faults.length === 0);
  });

  it('does not keep what a request brought along once it has its place', async () => {
    const stand = createStand();
    const first = stand.request('first', 0);
    const { x } = createTestExchange();
    let body: WeakRef<object> | undefined;
    let given: Place | undefined;
    /** In a function of its own, whose variables are gone with it. */
    const arrive = (): void => {
      const bytes = { some: 'bytes' };
      body = new WeakRef(bytes);
      stand.admissions[0]!.admit(x, stand.model, undefined, (place) => {
        stand.admitted.push(bytes.some);
        given = place;
      });
    };
    const isGone = (): boolean => {
      collect();
      return body?.deref() === undefined;
    };
    arrive();
    await turn();
    assert.equal(isGone(), false);
    first.finish();
    await until(() => stand.admitted.includes('bytes'));
    for (let turns = 0; turns < 10 && !isGone(); turns++) await turn();
    assert.ok(x.isOpen);
    assert.ok(isGone());
    x.respond(200, 'application/json', '{}');
    assert.equal(given?.backend.slot, 0);
  });
});
