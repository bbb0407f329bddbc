import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { runBands } from '#src/compute/runBands.js';

const never = new AbortController().signal;

describe('running the bands of a job', () => {
  it('runs each once and no more at a time than there are lanes', async () => {
    const ran: number[] = [];
    let running = 0;
    let most = 0;
    await runBands({
      bands: 10,
      lanes: 3,
      signal: never,
      async run(band) {
        most = Math.max(most, ++running);
        await turn();
        ran.push(band);
        running--;
      },
    });
    assert.deepEqual(ran, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(most, 3);
  });

  it('waits for the bands that run when the signal aborts, and begins no other', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const ended: number[] = [];
    const job = runBands({
      bands: 10,
      lanes: 2,
      signal: controller.signal,
      async run(band) {
        if (band === 3) controller.abort(reason);
        await turn();
        ended.push(band);
      },
    });
    await assert.rejects(job, (error) => error === reason);
    assert.deepEqual(ended, [0, 1, 2, 3]);
  });

  it('begins no other band after one has failed, and says which failure it was', async () => {
    const failure = new Error('no memory');
    const begun: number[] = [];
    const job = runBands({
      bands: 10,
      lanes: 2,
      signal: never,
      async run(band) {
        begun.push(band);
        await turn();
        if (band === 1) throw failure;
        await turn();
      },
    });
    await assert.rejects(job, (error) => error === failure);
    assert.deepEqual(begun, [0, 1]);
  });
});
