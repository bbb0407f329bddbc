import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeError } from '#src/errors/nodeError.js';
import { askForUsage } from '#src/openai/usageInRequest.js';
import { arbitraryMembers, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

const chat = '/v1/chat/completions';
const ask = (text: string, endpoint = chat) => {
  const { body, isHidden } = askForUsage(endpoint, Buffer.from(text));
  return { text: body.toString(), isHidden };
};

/** Without the keys that are refused: given twice, or in another letter case. */
function withoutRepeats(members: readonly (readonly [string, unknown])[]) {
  const wanted = ['stream', 'stream_options', 'include_usage'];
  const seen = new Set<string>();
  return members.filter(([key]) => {
    if (wanted.includes(key.toLowerCase()) && !wanted.includes(key)) return false;
    return !seen.has(key) && seen.add(key);
  });
}

describe('asking a backend for its token counts', () => {
  it('changes what JSON.parse finds in include_usage alone, however the body is spelled', () => {
    const includeUsage = fc.constantFrom(true, false, null, 'yes', 1, {}, []);
    const options = fc.oneof(
      { weight: 3, arbitrary: arbitraryMembers('include_usage', includeUsage).map(withoutRepeats) },
      { weight: 1, arbitrary: fc.constantFrom(null, 7, 'text', true) },
    );
    fc.assert(
      fc.property(
        arbitraryMembers('user', fc.string()).map(withoutRepeats),
        fc.constantFrom(undefined, true, false, null, 'true', 1),
        fc.option(options, { nil: undefined }),
        fc.nat(),
        fc.nat(6),
        (others, stream, given, spelling, place) => {
          const members: [string, unknown][] = others
            .filter(([key]) => key !== 'stream' && key !== 'stream_options')
            .map(([key, value]) => [key, value]);
          if (stream !== undefined) members.splice(place, 0, ['stream', stream]);
          const options = Array.isArray(given) ? Object.fromEntries(given) : given;
          if (options !== undefined) members.splice(place % 3, 0, ['stream_options', options]);
          const { bytes } = objectText(members, 'x', spelling);
          const before = JSON.parse(bytes.toString()) as Record<string, unknown>;
          const { body, isHidden } = askForUsage(chat, bytes);

          const isObject = typeof options === 'object' && options !== null;
          const asked = isObject ? (options as Record<string, unknown>)['include_usage'] : undefined;
          const isOurs =
            stream === true &&
            (options === undefined ||
              options === null ||
              (isObject && (asked === undefined || asked === false || asked === null)));
          assert.equal(isHidden, isOurs);
          if (!isOurs) {
            assert.equal(body, bytes);
            return;
          }
          assert.deepEqual(JSON.parse(body.toString()), {
            ...before,
            stream_options: { ...(options ?? {}), include_usage: true },
          });
        },
      ),
      { numRuns: propertyRuns(10_000) },
    );
  });

  it('keeps every other byte', () => {
    const cases = [
      ['{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
      [
        ' { "n":1.0e2,"stream" : true }',
        ' {"stream_options":{"include_usage":true}, "n":1.0e2,"stream" : true }',
      ],
      ['{"stream":true,"stream_options":{}}', '{"stream":true,"stream_options":{"include_usage":true}}'],
      [
        '{"stream_options":{ "continuous_usage_stats" :true },"stream":true}',
        '{"stream_options":{"include_usage":true, "continuous_usage_stats" :true },"stream":true}',
      ],
      [
        '{"stream":true,"stream_options":{"a":[1],"include_usage": false ,"b":"\\u00e4"}}',
        '{"stream":true,"stream_options":{"a":[1],"include_usage": true ,"b":"\\u00e4"}}',
      ],
      ['{"stream":true,"stream_options": null}', '{"stream":true,"stream_options": {"include_usage":true}}'],
      ['{"str\\u0065am":true}', '{"stream_options":{"include_usage":true},"str\\u0065am":true}'],
    ];
    for (const [before = '', after = ''] of cases) {
      assert.deepEqual(ask(before), { text: after, isHidden: true });
      assert.deepEqual(ask(before, '/v1/completions'), { text: after, isHidden: true });
    }
  });

  for (const text of [
    '{"stream":false,"stream_options":{"include_usage":false}}',
    '{"stream_options":{}}',
    '{"messages":[{"stream":true}]}',
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"stream":true,"stream_options":"include_usage"}',
    '[{"stream":true}]',
  ]) {
    it(`passes ${text} as it is`, () => assert.deepEqual(ask(text), { text, isHidden: false }));
  }

  it('leaves routes alone that have no such option', () => {
    const text = '{"stream":true,"stream":true}';
    for (const endpoint of ['/v1/embeddings', '/v1/*']) {
      assert.deepEqual(ask(text, endpoint), { text, isHidden: false });
    }
  });

  for (const [text, param] of [
    ['{"stream":true,"stream":false}', 'stream'],
    ['{"stream":true,"str\\u0065am":true}', 'stream'],
    ['{"Stream":true}', 'stream'],
    ['{"stream":false,"stream_options":{},"stream_options":{}}', 'stream_options'],
    ['{"stream":true,"STREAM_OPTIONS":{}}', 'stream_options'],
    [
      '{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}',
      'stream_options.include_usage',
    ],
    ['{"stream":true,"stream_options":{"include_Usage":true}}', 'stream_options.include_usage'],
  ] as const) {
    it(`refuses ${text}, which a backend could read otherwise`, () => {
      assert.throws(
        () => ask(text),
        (error: NodeError) => error.code === 'invalid_request' && error.meta['param'] === param,
      );
    });
  }

  it('does not mind what is no JSON: the reader of the model refuses it', () => {
    for (const text of [
      '',
      'null',
      '{',
      '{"stream":',
      '{"stream":true',
      '{"stream":true,"stream_options":{',
    ]) {
      assert.ok(typeof ask(text).text === 'string', text);
    }
  });
});
