import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EventFrames } from '#src/openai/eventFrames.js';
import { arbitraryCuts, cut } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

function split(frames: EventFrames, pieces: readonly Buffer[]): string[] {
  const found: string[] = [];
  for (const piece of pieces) {
    frames.push(piece);
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) found.push(frame.toString());
    frames.keepRest();
  }
  return found;
}

const line = fc.string({ unit: fc.constantFrom('a', 'ä', '😀', ' ', ':', '{'), minLength: 1, maxLength: 6 });
const frame = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 3 }), fc.constantFrom('\n', '\r\n', '\r'))
  .map(([lines, end]) => lines.join(end) + end + end);

describe('the frames of an event stream', () => {
  it('are the same wherever the stream is cut, and the rest is what is not whole yet', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), line, arbitraryCuts, (list, rest, cuts) => {
        const frames = new EventFrames();
        assert.deepEqual(split(frames, cut(Buffer.from(list.join('') + rest), cuts)), list);
        assert.equal(frames.rest().toString(), rest);
        assert.equal(frames.heldBytes, Buffer.byteLength(rest));
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });

  it('that were forgotten are marked, and those behind are whole', () => {
    for (const end of ['\n\n', '\r\n\r\n', '\r\r']) {
      for (let at = 1; at <= end.length; at++) {
        const frames = new EventFrames();
        split(frames, [Buffer.from(`long ${'x'.repeat(10_000)}${end.slice(0, at - 1)}`)]);
        frames.forget();
        assert.ok(frames.heldBytes <= 3);
        frames.push(Buffer.from(`${end.slice(at - 1)}next${end}`));
        assert.ok(frames.next() !== undefined && frames.isPart, JSON.stringify([end, at]));
        assert.equal(frames.next()?.toString(), `next${end}`);
        assert.ok(!frames.isPart);
      }
    }
  });
});
