import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeError } from '#src/errors/nodeError.js';
import type { Exchange } from '#src/http/exchange.js';
import { callerLimits, type LimitVerdict } from '#src/lib/callerLimits.js';
import { limitCallers } from '#src/limits/limitCallers.js';
import type { LimitStore } from '#src/limits/limitStore.js';

const caller = `0x${'ab'.repeat(20)}`;
const levels = { requestsMissingNs: 0, tokensMissingNs: 0 };

/** An exchange of which only what the layer touches is there. */
function fakeExchange(signedBy: string | undefined = caller) {
  const listeners: (() => void)[] = [];
  let isOver = false;
  const state = {
    phase: 'receive',
    caller: signedBy,
    inference: undefined as unknown,
    headers: new Map<string, string>(),
    failure: undefined as NodeError | undefined,
    setHeader: (name: string, value: string) => void state.headers.set(name, value),
    fail(error: NodeError) {
      state.failure = error;
      state.end();
    },
    attempt(step: () => void) {
      if (!isOver) step();
    },
    onEnd(listener: () => void) {
      if (isOver) listener();
      else listeners.push(listener);
    },
    end() {
      isOver = true;
      for (const listener of listeners.splice(0)) listener();
    },
  };
  return { state, x: state as unknown as Exchange };
}

/** A store whose answer the test gives. */
function fakeStore() {
  const left: number[] = [];
  let answer: (verdict: LimitVerdict) => void = () => assert.fail('nobody asked');
  const store: LimitStore = {
    enter: (_caller, done) => {
      answer = done;
    },
  };
  return {
    store,
    left,
    admit: () => answer({ isAdmitted: true, levels, leave: (tokens) => void left.push(tokens) }),
    answer: (verdict: LimitVerdict) => answer(verdict),
  };
}

const limits = callerLimits({ requestsPerSecond: 2, concurrentStreams: 1, tokensPerMinute: 60 })!;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the layer that limits callers', () => {
  it('charges what was used when the exchange ends, also when that is filled in by a later listener', async () => {
    const { store, left, admit } = fakeStore();
    const { state, x } = fakeExchange();
    let served = 0;
    limitCallers({ limits, store, countRefusal: () => undefined })(() => served++)(x);
    assert.equal(served, 0);
    admit();
    assert.equal(served, 1);
    assert.equal(state.headers.get('x-ratelimit-limit-tokens'), '60');
    x.onEnd(() => {
      state.inference = { usage: { inputTokens: 30, outputTokens: 12, isEstimated: true } };
    });
    assert.deepEqual(left, []);
    state.end();
    await tick();
    assert.deepEqual(left, [42]);
  });

  it('gives the place back when the client left while the store was asked', async () => {
    const { store, left, admit } = fakeStore();
    const { state, x } = fakeExchange();
    limitCallers({ limits, store, countRefusal: () => undefined })(() => assert.fail('served'))(x);
    state.end();
    admit();
    await tick();
    assert.deepEqual(left, [0]);
  });

  it('refuses in whole seconds, rounded up, and names the limit', () => {
    const { store, answer } = fakeStore();
    const { state, x } = fakeExchange();
    const counted: string[] = [];
    const layer = limitCallers({ limits, store, countRefusal: (limit) => void counted.push(limit) });
    layer(() => assert.fail('served'))(x);
    answer({ isAdmitted: false, levels, refusedBy: 'tokens', retryAfterMs: 2_001 });
    assert.equal(state.failure?.code, 'rate_limited');
    assert.equal(state.failure?.meta['retryAfterS'], 3);
    assert.deepEqual(counted, ['tokens']);
    assert.equal(state.headers.get('x-ratelimit-reset-requests'), '0s');
  });

  it('lets nothing pass that the store cannot decide', () => {
    const { store, answer } = fakeStore();
    const { state, x } = fakeExchange();
    limitCallers({ limits, store, countRefusal: () => undefined })(() => assert.fail('served'))(x);
    answer('unavailable');
    assert.equal(state.failure?.code, 'limits_unavailable');
  });

  it('knows nobody where authentication is bypassed', () => {
    const { x } = fakeExchange('');
    (x as { caller: string | undefined }).caller = undefined;
    let served = 0;
    const { store } = fakeStore();
    limitCallers({ limits, store, countRefusal: () => undefined })(() => served++)(x);
    assert.equal(served, 1);
  });
});
