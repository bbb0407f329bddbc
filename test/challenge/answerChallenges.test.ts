/** The desk where all fronts' challenges are answered: which of them a word from a front reaches. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import Type from 'typebox';
import { answerChallenges } from '#src/challenge/answerChallenges.js';
import { defineChallenger } from '#src/challenge/challenger.js';
import { forwardChallenge } from '#src/challenge/forwardChallenge.js';
import { NodeError } from '#src/errors/nodeError.js';
import type { Exchange } from '#src/http/exchange.js';
import { createLogger } from '#src/logger/logger.js';

const caller = '0x9ec5501b7db525648c46098cce1df11ebba9c16a';
const body = Buffer.from('{"type":"SLOW"}');

/** A challenge that ends when the test says so, whatever its signal says. */
function slowDesk() {
  const runs: { readonly signal: AbortSignal; readonly end: () => void }[] = [];
  const desk = answerChallenges({
    challengers: [
      defineChallenger({
        type: 'SLOW',
        payload: Type.Unknown(),
        deadlineMs: 60_000,
        run: (_payload, { signal }) =>
          new Promise<object>((resolve) => runs.push({ signal, end: () => resolve({}) })),
      }),
    ],
    readLarge: () => Promise.reject(new NodeError('internal_error')),
    metrics: { countChallenge: () => undefined },
    log: createLogger({ level: 'silent', thread: 'test' }),
  });
  return { desk, runs };
}

describe('the challenge desk', () => {
  it('a front that was started anew reaches its challenge, although one of the front before it had the same number', async () => {
    const { desk, runs } = slowDesk();
    const ticket = { front: 0, ticket: 1 };
    const ofOldFront = desk.answer({ ...ticket, id: 'old', caller, body });
    await nextTurn();
    desk.leaveFront(0);
    const ofNewFront = desk.answer({ ...ticket, id: 'new', caller, body });
    await nextTurn();
    runs[0]!.end();
    await ofOldFront;
    assert.equal(runs[1]!.signal.aborted, false);
    desk.leave(ticket);
    assert.equal(runs[1]!.signal.aborted, true);
    runs[1]!.end();
    await ofNewFront;
  });

  it('an answer of megabytes goes out piece by piece, no faster than it is taken (it held up every stream of the front)', async () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(1_000_001)).fill(0x31);
    const pieces: Buffer[] = [];
    const events: string[] = [];
    let drained: () => void = () => undefined;
    const handle = forwardChallenge({
      front: 0,
      answer: () => Promise.resolve(bytes),
      leave: () => undefined,
    });
    const x = {
      id: 'request-1',
      caller,
      body: { bytes: body },
      isOpen: true,
      releaseBody: () => undefined,
      onEnd: () => undefined,
      attempt: (step: () => void) => step(),
      set onDrain(listener: () => void) {
        drained = listener;
      },
      start: (status: number, _headers: unknown, length: number) => events.push(`${status} ${length}`),
      write(piece: Buffer) {
        pieces.push(piece);
        return pieces.length !== 2;
      },
    };
    handle(x as unknown as Exchange);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.deepEqual([events, pieces.length], [['200 1000001'], 2]);
    drained();
    for (let turn = 0; turn < 20; turn++) {
      await nextTurn();
      if (pieces.length === 4) x.isOpen = false;
    }
    assert.equal(Buffer.compare(Buffer.concat(pieces), Buffer.from(bytes)), 0);
  });

  it('a front that has waited long enough tells main to stop', async () => {
    const left: number[] = [];
    const answered: string[] = [];
    const handle = forwardChallenge({
      front: 0,
      answer: () => Promise.reject(new NodeError('internal_error')),
      leave: ({ ticket }) => left.push(ticket),
    });
    handle({
      phase: 'receive',
      id: 'request-1',
      caller,
      body: { bytes: body },
      releaseBody: () => undefined,
      onEnd: () => undefined,
      attempt: () => answered.push('refused'),
    } as unknown as Exchange);
    await nextTurn();
    assert.deepEqual([left, answered], [[1], ['refused']]);
  });
});
