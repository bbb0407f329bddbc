import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { KeepAliveComments } from '#src/openai/keepAliveComments.js';

/** A timer that the test turns; Node's own mock does not know `refresh`. */
class HandTimer {
  elapsedMs = 0;
  isSet = true;
  readonly #callback: () => void;
  readonly #delayMs: number;
  constructor(callback: () => void, delayMs: number) {
    this.#callback = callback;
    this.#delayMs = delayMs;
  }
  refresh(): void {
    this.elapsedMs = 0;
    this.isSet = true;
  }
  pass(ms: number): void {
    for (let left = ms; left > 0; left--) {
      this.elapsedMs++;
      if (!this.isSet || this.elapsedMs < this.#delayMs) continue;
      this.isSet = false;
      this.#callback();
    }
  }
}

describe('comments in a quiet stream', () => {
  let timer: HandTimer;
  let written: string[];
  let isBackedUp: boolean;
  let isBetweenFrames: boolean;
  let isOpen: boolean;
  let onEnd: (() => void)[];
  const start = (): KeepAliveComments =>
    new KeepAliveComments(
      {
        get isOpen() {
          return isOpen;
        },
        get isBackedUp() {
          return isBackedUp;
        },
        attempt(step) {
          if (isOpen) step();
        },
        write: (chunk) => written.push(chunk.toString()) > 0,
        onEnd: (listener) => onEnd.push(() => listener('complete')),
      },
      1_000,
      () => isBetweenFrames,
    );

  beforeEach(() => {
    mock.method(globalThis, 'setTimeout', (callback: () => void, delayMs: number) => {
      timer = new HandTimer(callback, delayMs);
      return timer;
    });
    mock.method(globalThis, 'clearTimeout', (cleared: HandTimer) => {
      cleared.isSet = false;
    });
    written = [];
    isBackedUp = false;
    isBetweenFrames = true;
    isOpen = true;
    onEnd = [];
  });
  afterEach(() => mock.restoreAll());

  it('come after each stretch of silence, and not before', () => {
    start();
    timer.pass(999);
    assert.deepEqual(written, []);
    timer.pass(1);
    assert.deepEqual(written, [': keepalive\n\n']);
    timer.pass(3_000);
    assert.equal(written.length, 4);
  });

  it('do not come while something is sent often enough', () => {
    const comments = start();
    for (let i = 0; i < 10; i++) {
      timer.pass(900);
      comments.restart();
    }
    assert.deepEqual(written, []);
    timer.pass(1_000);
    assert.equal(written.length, 1);
  });

  it('do not come inside a frame, but after it', () => {
    start();
    isBetweenFrames = false;
    timer.pass(5_000);
    assert.deepEqual(written, []);
    isBetweenFrames = true;
    timer.pass(1_000);
    assert.equal(written.length, 1);
  });

  it('do not come to a client that is behind', () => {
    start();
    isBackedUp = true;
    timer.pass(5_000);
    assert.deepEqual(written, []);
    isBackedUp = false;
    timer.pass(1_000);
    assert.equal(written.length, 1);
  });

  it('end with the exchange, and leave no timer behind', () => {
    start();
    assert.equal(onEnd.length, 1);
    onEnd[0]?.();
    assert.ok(!timer.isSet);
    timer.pass(5_000);
    assert.deepEqual(written, []);
  });

  it('set no timer again when a comment itself ended the exchange', () => {
    start();
    isOpen = false;
    timer.pass(1_000);
    assert.ok(!timer.isSet);
    assert.deepEqual(written, []);
  });
});
