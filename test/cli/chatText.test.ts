import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ChatText } from '#src/cli/chatText.js';
import { propertyRuns } from '#test/runs.js';

const textOf = (...pieces: (string | Uint8Array)[]): string => {
  const chat = new ChatText();
  return pieces.map((piece) => chat.push(Buffer.from(piece))).join('');
};

const delta = (content: unknown): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

describe('the text of a streamed completion', () => {
  test('comes with the event that completes it, not before', () => {
    const chat = new ChatText();
    const [head, tail] = [delta('Hello').slice(0, -1), '\n'];
    assert.equal(chat.push(Buffer.from(head)), '');
    assert.equal(chat.push(Buffer.from(tail)), 'Hello');
  });

  test('leaves out roles, usage, tool calls, comments and the end mark', () => {
    const others = [
      'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
      'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}\n\n',
      'data: {"choices":[],"usage":{"total_tokens":3}}\n\n',
      'data: null\n\ndata: 7\n\ndata: {broken\n\n',
      ': keep-alive\n\nevent: message\nid: 1\n\n',
      'data: [DONE]\n\n',
    ];
    assert.equal(textOf(delta('a'), ...others, delta('b')), 'ab');
  });

  test('is read from plain completions and thoughts too', () => {
    assert.equal(textOf('data: {"choices":[{"text":"plain"}]}\n\n'), 'plain');
    assert.equal(textOf('data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n'), 'hm');
  });

  test('cannot steer the terminal', () => {
    assert.equal(textOf(delta('a\x1b[2Jb\x9b\x07\tc\nd')), 'a[2Jb\tc\nd');
  });

  test('keeps the message of an error that ends the stream', () => {
    const chat = new ChatText();
    chat.push(
      Buffer.from(`${delta('a')}data: {"error":{"message":"backend gone","code":"upstream_reset"}}\n\n`),
    );
    assert.equal(chat.error, 'backend gone');
  });

  test('drops an event that never ends instead of keeping it', () => {
    const chat = new ChatText();
    for (let piece = 0; piece < 40; piece++) chat.push(Buffer.alloc(64 * 1024, 'x'));
    assert.equal(chat.push(Buffer.from(`\n\n${delta('after')}`)), 'after');
  });

  test('is the same however the bytes are cut, with any line ending', () => {
    const endings = fc.constantFrom('\n', '\r\n', '\r');
    const words = fc.array(fc.string({ unit: 'grapheme', maxLength: 6 }), { maxLength: 6 });
    fc.assert(
      fc.property(
        words,
        endings,
        fc.array(fc.nat({ max: 20 }), { minLength: 1 }),
        (contents, ending, cuts) => {
          const stream = Buffer.from(
            `${contents.map(delta).join('')}data: [DONE]\n\n\n`.replaceAll('\n', ending),
          );
          const pieces: Uint8Array[] = [];
          let at = 0;
          for (let cut = 0; at < stream.length; cut++) {
            const next = at + 1 + cuts[cut % cuts.length]!;
            pieces.push(stream.subarray(at, next));
            at = next;
          }
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what the terminal must not get
          const expected = contents.join('').replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
          assert.equal(textOf(...pieces), expected);
        },
      ),
      { numRuns: propertyRuns(500) },
    );
  });
});
