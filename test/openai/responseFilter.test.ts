import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeError } from '#src/errors/nodeError.js';
import {
  filterFrames,
  hideUsage,
  passThrough,
  type ResponseFilter,
  renameFrames,
  renameInObject,
} from '#src/openai/responseFilter.js';
import { TokenTally } from '#src/openai/tokenTally.js';
import { readUsageInFrames } from '#src/openai/usageInResponse.js';
import { arbitraryCuts, arbitraryMembers, cut, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

const callersName = 'caller/näme "1"';
const callersJson = JSON.stringify(callersName);

const renameInFrames = (name: string): ResponseFilter => filterFrames([renameFrames(name)]);

function sendThrough(filter: ResponseFilter, pieces: readonly Buffer[]): Buffer {
  const out = pieces.map((piece) => filter.push(piece));
  return Buffer.concat([...out, filter.end()]);
}

const modelValue = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(callersName, null, 3),
);
const members = arbitraryMembers('model', modelValue);

/** The text with the wanted values replaced, put together from its parts. */
function replaced({ bytes, wanted }: ReturnType<typeof objectText>): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of wanted) {
    parts.push(bytes.subarray(from, start));
    parts.push(text === callersName ? bytes.subarray(start, end) : Buffer.from(callersJson));
    from = end;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

describe('renaming the model in an object that streams by', () => {
  it('replaces the name and no other byte, wherever the object is cut', () => {
    fc.assert(
      fc.property(members, fc.nat(), arbitraryCuts, (list, spelling, cuts) => {
        const text = objectText(list, 'model', spelling);
        assert.deepEqual(sendThrough(renameInObject(callersName), cut(text.bytes, cuts)), replaced(text));
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('a cut at every single offset changes nothing', () => {
    const bytes = Buffer.from('{"id":"ä\\"","model":"b\\"ä\\\\","choices":[{"model":"inner"}],"x":1}');
    const expected = bytes.toString().replace('"b\\"ä\\\\"', callersJson);
    for (let at = 0; at <= bytes.length; at++) {
      const filter = renameInObject(callersName);
      const out = sendThrough(filter, [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))]);
      assert.equal(out.toString(), expected, `cut at ${at}`);
    }
    const bytewise = [...bytes].map((byte) => Buffer.of(byte));
    assert.equal(sendThrough(renameInObject(callersName), bytewise).toString(), expected);
  });

  it('holds back nothing but an unfinished name', () => {
    const filter = renameInObject('new');
    assert.equal(
      filter.push(Buffer.from('{"a":"long text that goes on')).toString(),
      '{"a":"long text that goes on',
    );
    assert.equal(filter.push(Buffer.from(' and on","model":"ol')).toString(), ' and on","model":');
    assert.equal(filter.push(Buffer.from('d')).toString(), '');
    assert.equal(filter.push(Buffer.from('","b":')).toString(), '"new","b":');
  });

  it('passes a piece without the name as the same buffer', () => {
    const piece = Buffer.from('{"choices":[1,2,3],');
    assert.equal(renameInObject('new').push(piece), piece);
  });

  it('what is no object passes unchanged, an object cut off in its name too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), arbitraryCuts, (noise, cuts) => {
        const bytes = Buffer.concat([Buffer.from('x'), noise]);
        assert.deepEqual(sendThrough(renameInObject('new'), cut(bytes, cuts)), bytes);
      }),
      { numRuns: propertyRuns(1_000) },
    );
    const broken = Buffer.from('{"a":1,"model":"unfinish');
    assert.deepEqual(sendThrough(renameInObject('new'), [broken]), broken);
  });

  it('a value too long to be a name passes unchanged, in one piece or in many', () => {
    const bytes = Buffer.from(`{"a":1,"model":"${'m'.repeat(100_000)}","b":2}`);
    for (const size of [bytes.length, 65_550, 65_536, 1_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(Buffer.from(bytes.subarray(at, at + size)));
      assert.ok(sendThrough(renameInObject('new'), pieces).equals(bytes), `in pieces of ${size}`);
    }
  });
});

/** One event frame, before and after the model was renamed. */
interface Frame {
  readonly before: string;
  readonly after: string;
}

const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const plainText = fc.string({
  unit: fc.constantFrom('a', 'ä', '😀', ' ', ':', '"', '{', '\\'),
  maxLength: 10,
});
const otherLine = fc.oneof(
  plainText.map((text) => `: ${text}`),
  plainText.map((text) => `event: ${text}`),
  fc.constantFrom(
    'id: 7',
    'retry: 100',
    'data',
    'datax: {"model":"other"}',
    ' data: {"model":"other"}',
    'model',
  ),
);
const dataText = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom({ before: '[DONE]', after: '[DONE]' }, { before: '', after: '' }) },
  {
    weight: 6,
    arbitrary: fc.tuple(members, fc.nat()).map(([list, spelling]) => {
      const text = objectText(list, 'model', spelling);
      return { before: text.bytes.toString(), after: replaced(text).toString() };
    }),
  },
);

/** Line breaks of the JSON text become further `data:` lines, as the event stream format asks. */
const frame: fc.Arbitrary<Frame> = fc
  .record({
    data: dataText,
    others: fc.array(otherLine, { maxLength: 2 }),
    behind: fc.array(otherLine, { maxLength: 1 }),
    end: lineEnd,
    space: fc.constantFrom('', ' '),
    blanks: fc.nat(1),
  })
  .map(({ data, others, behind, end, space, blanks }) => {
    const spelled = (text: string): string => {
      const lines = text.split(/\r\n|\r|\n/).map((line) => `data:${space}${line}`);
      return [...others, ...lines, ...behind, ''].join(end) + end.repeat(1 + blanks);
    };
    return { before: spelled(data.before), after: spelled(data.after) };
  });

const joined = (frames: readonly Frame[], side: keyof Frame): Buffer =>
  Buffer.from(frames.map((each) => each[side]).join(''));

describe('renaming the model in an event stream', () => {
  it('replaces the name in each frame and no other byte, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), arbitraryCuts, (frames, cuts) => {
        const out = sendThrough(renameInFrames(callersName), cut(joined(frames, 'before'), cuts));
        assert.equal(out.toString(), joined(frames, 'after').toString());
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  for (const end of ['\n', '\r\n', '\r']) {
    it(`a cut at every single offset changes nothing, lines ending in ${JSON.stringify(end)}`, () => {
      const text = (name: string): string =>
        [
          ': comment',
          '',
          `data: {"id":"ä😀","model":${name},"choices":[{"delta":{"content":"\\n\\n"}}]}`,
          '',
          'event: x',
          'data: {"id":1,',
          `data:  "model" : ${name}`,
          'data: }',
          '',
          'data: [DONE]',
          '',
          '',
        ].join(end);
      const bytes = Buffer.from(text('"backend\\/näme"'));
      for (let at = 0; at <= bytes.length; at++) {
        const pieces = [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))];
        assert.equal(
          sendThrough(renameInFrames(callersName), pieces).toString(),
          text(callersJson),
          `at ${at}`,
        );
      }
      const bytewise = [...bytes].map((byte) => Buffer.of(byte));
      assert.equal(sendThrough(renameInFrames(callersName), bytewise).toString(), text(callersJson));
    });

    it(`sends a frame as soon as it is whole, lines ending in ${JSON.stringify(end)}`, () => {
      const filter = renameInFrames('new');
      const whole = `data: {"model":"old"}${end}${end}`;
      assert.equal(filter.push(Buffer.from(whole)).toString(), whole.replace('old', 'new'));
      assert.equal(filter.push(Buffer.from('data: {"model":"o')).toString(), '');
      assert.equal(
        filter.push(Buffer.from(`ld"}${end}${end}data: `)).toString(),
        whole.replace('old', 'new'),
      );
    });
  }

  it('passes a frame without the name uncopied', () => {
    const piece = Buffer.from('data: [DONE]\n\n');
    const out = renameInFrames('new').push(piece);
    assert.deepEqual([out.byteOffset, out.length], [piece.byteOffset, piece.length]);
    assert.equal(out.buffer, piece.buffer);
  });

  it('a last frame without its blank line is renamed at the end', () => {
    const filter = renameInFrames('new');
    assert.equal(filter.push(Buffer.from('data: {"model":"old"}\n')).toString(), '');
    assert.equal(filter.end().toString(), 'data: {"model":"new"}\n');
  });

  it('a frame over a mebibyte is given up, whole or in pieces', () => {
    const filler = 'x'.repeat(1_024 * 1_024);
    const whole = Buffer.from(`data: {"a":"${filler}","model":"old"}\n\n`);
    assert.throws(() => renameInFrames('new').push(whole), { code: 'upstream_reset' });
    const just = Buffer.from(`data: {"a":"${filler.slice(100)}","model":"old"}\n\n`);
    assert.ok(renameInFrames('new').push(just).toString().endsWith('"model":"new"}\n\n'));
    const filter = renameInFrames('new');
    filter.push(Buffer.from('data: {"a":"'));
    assert.throws(() => filter.push(Buffer.from(filler)), {
      code: 'upstream_reset',
    } satisfies Partial<NodeError>);
  });

  it('noise of any bytes passes unchanged when it holds no data line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), arbitraryCuts, (noise, cuts) => {
        const bytes = Buffer.from(noise.map((byte) => (byte === 0x64 ? 0x65 : byte)));
        assert.deepEqual(sendThrough(renameInFrames('new'), cut(bytes, cuts)), bytes);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

/** Frames as servers send them, with what becomes of each when the counts are hidden. */
const chatFrame = fc
  .record({
    model: fc.constantFrom('backend/name', callersName, 'ä😀'),
    content: fc.string({ unit: fc.constantFrom('a', 'ä', '😀', '"', '\\', '"usage":{', '\n'), maxLength: 6 }),
    kind: fc.constantFrom('text', 'null usage', 'running usage', 'usage', 'empty', 'done', 'comment'),
    end: lineEnd,
  })
  .map(({ model, content, kind, end }) => {
    const frameOf = (name: string): string => {
      const choices = [{ index: 0, delta: { content } }];
      const usage = { prompt_tokens: 1, completion_tokens: 2 };
      const data =
        kind === 'usage'
          ? { model: name, choices: [], usage }
          : kind === 'empty'
            ? { model: name, choices: [], usage: null }
            : kind === 'running usage'
              ? { model: name, choices, usage }
              : { choices, model: name, ...(kind === 'text' ? {} : { usage: null }) };
      const line =
        kind === 'done'
          ? 'data: [DONE]'
          : kind === 'comment'
            ? `: ${end}data`
            : `data: ${JSON.stringify(data)}`;
      return line + end + end;
    };
    return { isUsage: kind === 'usage', sent: frameOf(model), renamed: frameOf(callersName) };
  });

const streamModes = [
  ['as it is', false, false],
  ['renamed', true, false],
  ['without its usage', false, true],
  ['renamed and without its usage', true, true],
] as const;

for (const [mode, isRenamed, isHidden] of streamModes) {
  describe(`a stream that passes ${mode}`, () => {
    it('is the same bytes, cut at every offset', () => {
      fc.assert(
        fc.property(fc.array(chatFrame, { minLength: 1, maxLength: 3 }), fc.nat(), (frames, step) => {
          const sent = Buffer.from(frames.map((each) => each.sent).join(''));
          const expected = frames
            .filter(({ isUsage }) => !(isHidden && isUsage))
            .map((each) => (isRenamed ? each.renamed : each.sent))
            .join('');
          const makeTally = (): TokenTally =>
            new TokenTally({ record: undefined, operation: 'chat', requestBytes: 0 });
          const make = (): { filter: ResponseFilter; tally: TokenTally } => {
            const tally = makeTally();
            const steps = [
              ...(isHidden ? [hideUsage(tally)] : []),
              ...(isRenamed ? [renameFrames(callersName)] : []),
            ];
            if (steps.length > 0) return { filter: filterFrames(steps), tally };
            const usage = readUsageInFrames(tally);
            return {
              tally,
              filter: {
                push(piece) {
                  usage.read(piece);
                  return passThrough.push(piece);
                },
                end() {
                  usage.end();
                  return passThrough.end();
                },
              },
            };
          };
          const whole = make();
          assert.equal(sendThrough(whole.filter, [sent]).toString(), expected);
          for (let at = 1; at < sent.length; at++) {
            const { filter, tally } = make();
            // A third piece, so that what is held after the cut meets more than one.
            const next = at + 1 + (step % 50);
            const pieces = [sent.subarray(0, at), sent.subarray(at, next), sent.subarray(next)];
            const out = sendThrough(
              filter,
              pieces.map((piece) => Buffer.from(piece)),
            ).toString();
            if (out !== expected) assert.equal(out, expected, `cut at ${at}`);
            if (tally.outputTokens !== whole.tally.outputTokens) assert.fail(`tokens, cut at ${at}`);
          }
        }),
        { numRuns: propertyRuns(10_000) },
      );
    });
  });
}

it('a usage frame that is taken away leaves its neighbours in one piece', () => {
  const tally = new TokenTally({ record: undefined, operation: 'chat', requestBytes: 0 });
  const filter = filterFrames([hideUsage(tally)]);
  const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n';
  assert.equal(
    filter.push(Buffer.from(`data: 1\n\n${usage}data: 2\n\n`)).toString(),
    'data: 1\n\ndata: 2\n\n',
  );
  assert.equal(filter.push(Buffer.from(usage)).length, 0);
  assert.deepEqual([tally.inputTokens, tally.outputTokens, tally.isEstimated], [3, 4, false]);
});

it('bytes that need no renaming pass as the same buffer', () => {
  const piece = Buffer.from('data: {"model":"old"}');
  assert.equal(passThrough.push(piece), piece);
  assert.equal(passThrough.end().length, 0);
});
