import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InferenceRecord, TokenUsage } from '#src/lib/inferenceRecord.js';
import type { Operation } from '#src/openai/operation.js';
import { TokenTally } from '#src/openai/tokenTally.js';
import {
  readNoUsage,
  readUsageInFrames,
  readUsageInObject,
  readUsageOfFrame,
  type UsageReader,
} from '#src/openai/usageInResponse.js';
import { arbitraryCuts, arbitraryMembers, cut, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

interface Counting {
  readonly record: InferenceRecord;
  readonly tally: TokenTally;
}

function count(asked: Operation | 'other' = 'chat', requestBytes = 40): Counting {
  const operation = asked === 'other' ? undefined : asked;
  const record: InferenceRecord = {
    model: 'm',
    backend: undefined,
    provider: undefined,
    attempts: 1,
    queuedMs: 0,
    usage: undefined,
  };
  const tally = new TokenTally({ record, operation, requestBytes });
  tally.serve();
  return { record, tally };
}

const plain = (usage: TokenUsage | undefined): unknown =>
  usage && {
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    isEstimated: usage.isEstimated,
  };

function readAll(
  make: (tally: TokenTally) => UsageReader,
  pieces: readonly (Buffer | string)[],
  operation?: Operation | 'other',
): unknown {
  const { record, tally } = count(operation);
  const reader = make(tally);
  for (const piece of pieces) reader.read(Buffer.from(piece as string));
  reader.end();
  return plain(record.usage);
}

const said = (inputTokens: number, outputTokens: number) => ({
  inputTokens,
  outputTokens,
  isEstimated: false,
});
const guessed = (inputTokens: number, outputTokens: number) => ({
  inputTokens,
  outputTokens,
  isEstimated: true,
});

const text = (content: string, more = '') =>
  `data: {"choices":[{"delta":{"content":${JSON.stringify(content)}}}]${more}}\n\n`;
const usageFrame = 'data: {"id":1,"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7}}\n\n';
const done = 'data: [DONE]\n\n';

describe('the tokens of a JSON answer', () => {
  it('are those of its top-level usage, wherever it stands and wherever the answer is cut', () => {
    const number = fc.nat(1_000_000);
    const details = fc.constantFrom(undefined, { cached_tokens: 3, '"}{': '}' });
    const usage = fc.tuple(number, number, details, fc.boolean()).map(([input, output, detail, isNew]) => ({
      ...(detail === undefined ? {} : { prompt_tokens_details: detail }),
      ...(isNew
        ? { input_tokens: input, output_tokens: output }
        : { prompt_tokens: input, completion_tokens: output }),
      total_tokens: input + output,
    }));
    fc.assert(
      fc.property(arbitraryMembers('usage', usage), fc.nat(), arbitraryCuts, (members, spelling, cuts) => {
        const { bytes } = objectText(members, 'usage', spelling);
        const last = members.findLast(([key]) => key === 'usage')?.[1] as Record<string, number> | undefined;
        assert.deepEqual(
          readAll(readUsageInObject, cut(bytes, cuts)),
          last === undefined
            ? guessed(10, Math.ceil(bytes.length / 4))
            : said(
                last['prompt_tokens'] ?? last['input_tokens']!,
                last['completion_tokens'] ?? last['output_tokens']!,
              ),
        );
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });

  it('are found at every single cut', () => {
    const bytes = Buffer.from(
      '{"choices":[{"usage":{"prompt_tokens":1},"x":"\\"usage\\":{"}],"usage":{"prompt_tokens":5,"x":{"y":"}"},"completion_tokens":6},"z":1}',
    );
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(
        readAll(readUsageInObject, [bytes.subarray(0, at), bytes.subarray(at)]),
        said(5, 6),
        `cut at ${at}`,
      );
    }
    assert.deepEqual(
      readAll(
        readUsageInObject,
        [...bytes].map((byte) => Buffer.of(byte)),
      ),
      said(5, 6),
    );
  });

  it('of embeddings are input only', () => {
    const answer = '{"data":[{"embedding":[0.5,-1e-3]}],"usage":{"prompt_tokens":4,"total_tokens":4}}';
    assert.deepEqual(readAll(readUsageInObject, [answer], 'embeddings'), said(4, 0));
    assert.deepEqual(readAll(readUsageInObject, ['{"data":[]}'], 'embeddings'), guessed(10, 0));
  });

  it('are estimated when the backend says nonsense', () => {
    for (const usage of [
      'null',
      '"5"',
      '[]',
      '{}',
      '{"prompt_tokens":"5","completion_tokens":-1}',
      '{"prompt_tokens":1.5}',
    ]) {
      const answer = `{"usage":${usage}}`;
      assert.deepEqual(
        readAll(readUsageInObject, [answer]),
        guessed(10, Math.ceil(answer.length / 4)),
        usage,
      );
    }
    const half = '{"usage":{"prompt_tokens":5}}';
    assert.deepEqual(readAll(readUsageInObject, [half]), guessed(5, Math.ceil(half.length / 4)));
  });

  it('are not looked for in an object of absurd size, which is not collected', () => {
    const answer = `{"usage":{"prompt_tokens":5,"completion_tokens":6,"x":"${'y'.repeat(5_000)}"}}`;
    assert.deepEqual(readAll(readUsageInObject, [answer]), guessed(10, Math.ceil(answer.length / 4)));
  });

  it('that cannot be read are estimated from its bytes', () => {
    assert.deepEqual(readAll(readNoUsage, [Buffer.alloc(100), Buffer.alloc(1)]), guessed(10, 26));
  });
});

describe('the tokens of an event stream', () => {
  it('are those of the frame that has them, wherever the stream is cut', () => {
    const bytes = Buffer.from(text('wörld "usage" 🎉', ',"usage":null') + usageFrame + done);
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(
        readAll(readUsageInFrames, [bytes.subarray(0, at), bytes.subarray(at)]),
        said(9, 7),
        `cut at ${at}`,
      );
    }
  });

  it('are one per frame with text when the stream breaks off before', () => {
    const frames = [
      'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
      text('a'),
      text('b', ',"usage":null'),
      ': keepalive\n\n',
      'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments": "{"}}]}}]}\n\n',
      'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n',
      'data: {"choices":[{"text":"c"}]}\r\n\r\n',
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    ];
    assert.deepEqual(readAll(readUsageInFrames, frames), guessed(10, 5));
    assert.deepEqual(readAll(readUsageInFrames, [...frames, usageFrame]), said(9, 7));
  });

  it('are one per frame in which a key that carries text has some, whatever else is in it', () => {
    const carriesText = /"(?:content|text|arguments|reasoning_content|reasoning|refusal)": ?"[^"]/;
    const pieces = [
      '"',
      ':',
      ' ',
      '{',
      'x',
      '\\',
      'content',
      'text',
      'reasoning',
      '_content',
      '"refusal":"no',
      '"usage":',
    ];
    const frames = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(frames, (frame) => {
        const { record, tally } = count();
        readUsageOfFrame(tally, Buffer.from(frame));
        assert.equal(record.usage?.outputTokens, carriesText.test(frame) ? 1 : 0);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('are the last that was said, and counted on from there', () => {
    const running = (output: number) =>
      text('x', `,"usage":{"prompt_tokens":9,"completion_tokens":${output}}`);
    assert.deepEqual(readAll(readUsageInFrames, [running(1), running(2)]), said(9, 2));
    assert.deepEqual(readAll(readUsageInFrames, [running(1), running(2), text('y')]), guessed(9, 3));
  });

  it('are read from the events of newer interfaces', () => {
    const response =
      'event: response.completed\ndata: {"type":"x","response":{"id":1,"usage":{"input_tokens":3,"output_tokens":4}}}\n\n';
    assert.deepEqual(readAll(readUsageInFrames, [response], 'other'), said(3, 4));
    const begin = 'data: {"message":{"usage":{"input_tokens":3,"output_tokens":1}}}\n\n';
    const end = 'data: {"type":"message_delta","usage":{"output_tokens":8}}\n\n';
    assert.deepEqual(readAll(readUsageInFrames, [begin, end]), said(3, 8));
  });

  it('are read from data over several lines, and from a last frame without its blank line', () => {
    const lines =
      'data: {"choices":[],\r\ndata: "usage":\r\ndata: {"prompt_tokens":1,"completion_tokens":2}}\r\n';
    assert.deepEqual(readAll(readUsageInFrames, [lines]), guessed(10, 0));
    const behindColon =
      'data: {"choices":[],\r\ndata: "usage": {"prompt_tokens":1,\r\ndata: "completion_tokens":2}}\r\n';
    assert.deepEqual(readAll(readUsageInFrames, [behindColon]), said(1, 2));
  });

  it('are found behind a frame of megabytes, which is not held', () => {
    const long = Buffer.from(text('z'.repeat(3_000_000)));
    for (const size of [long.length, 60_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < long.length; at += size) pieces.push(long.subarray(at, at + size));
      assert.deepEqual(readAll(readUsageInFrames, [...pieces, Buffer.from(usageFrame)]), said(9, 7));
    }
  });

  it('are not looked for in a long frame that comes in pieces, which counts as one text', () => {
    const long = text('z'.repeat(200_000), ',"usage":{"prompt_tokens":1,"completion_tokens":1}');
    assert.deepEqual(
      readAll(readUsageInFrames, [long.slice(0, 100_000), long.slice(100_000)]),
      guessed(10, 1),
    );
  });

  it('stay estimated while only one of the two numbers covers everything', () => {
    const running = text('x', ',"usage":{"prompt_tokens":9,"completion_tokens":1}');
    const input = 'data: {"usage":{"prompt_tokens":9}}\n\n';
    assert.deepEqual(readAll(readUsageInFrames, [running, text('y'), input]), guessed(9, 2));
  });

  it('are not guessed for what is only passed through', () => {
    const { record, tally } = count('other');
    const reader = readUsageInFrames(tally);
    reader.read(Buffer.from(text('a')));
    assert.equal(record.usage, undefined);
    reader.read(Buffer.from(usageFrame));
    assert.deepEqual(plain(record.usage), said(9, 7));
  });

  it('do not count before anything was served', () => {
    const { record } = count();
    record.usage = undefined;
    const tally = new TokenTally({ record, operation: 'chat', requestBytes: 4 });
    readUsageOfFrame(tally, Buffer.from(usageFrame));
    assert.equal(record.usage, undefined);
    tally.serve();
    assert.deepEqual(plain(record.usage), said(9, 7));
  });
});

describe('a frame for this node alone', () => {
  const isBare = (data: string): boolean => readUsageOfFrame(count().tally, Buffer.from(`data: ${data}\n\n`));

  it('has the numbers and no choices', () => {
    for (const data of [
      '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
      '{ "usage" : {"prompt_tokens":1} , "choices" : [ ] }',
      '{"choices":[],"usage":{}}',
    ]) {
      assert.ok(isBare(data), data);
    }
  });

  it('is none with choices, without numbers, or without being JSON', () => {
    for (const data of [
      '{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
      '{"choices":[],"usage":null}',
      '{"choices":[],"prompt_filter_results":[{"usage":{}}]}',
      '{"choices":[],"choices":[{}],"usage":{}}',
      '{"usage":{"prompt_tokens":1}}',
      '{"choices":[],"usage":{"prompt_tokens":1}',
      '{"choices":[],"x":"\\"usage\\":{}"}',
      '[DONE]',
      '{"error":{"message":"usage"}}',
    ]) {
      assert.ok(!isBare(data), data);
    }
  });
});
