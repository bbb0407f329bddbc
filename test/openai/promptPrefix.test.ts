import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { promptPrefixKey } from '#src/openai/promptPrefix.js';
import { propertyRuns } from '#test/runs.js';

const keyOf = (body: unknown): number | undefined => promptPrefixKey(Buffer.from(JSON.stringify(body)));
const text = fc.string({ unit: 'binary', maxLength: 40 });
const long = fc.tuple(text, fc.nat(8_000)).map(([tail, length]) => 's'.repeat(length) + tail);
const user = fc.oneof(text, long).map((content) => ({ role: 'user', content }));
const system = fc.record({
  role: fc.constantFrom('system', 'developer', 'assistant'),
  content: fc.oneof(text, long),
});
const later = fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: text });
const head = fc.tuple(fc.array(system, { maxLength: 3 }), user).map(([before, first]) => [...before, first]);

describe('the key of a prompt prefix', () => {
  it('stays the same over the turns of one conversation', () => {
    fc.assert(
      fc.property(
        head,
        fc.array(later, { maxLength: 5 }),
        fc.array(later, { maxLength: 5 }),
        (first, then, more) => {
          const key = keyOf({ model: 'm', messages: first });
          assert.ok(Number.isInteger(key) && key! >= 0 && key! < 2 ** 32);
          assert.equal(keyOf({ model: 'm', messages: [...first, ...then], temperature: 1 }), key);
          assert.equal(
            keyOf({ tools: [{ messages: [] }], stream: true, messages: [...first, ...then, ...more] }),
            key,
          );
        },
      ),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('differs where the first user says something else, also behind a long prompt of the system', () => {
    const seen = new Set<number | undefined>();
    const messages = (content: string) => [
      { role: 'system', content: 'x'.repeat(20_000) },
      { role: 'user', content },
    ];
    for (let i = 0; i < 5_000; i++) seen.add(keyOf({ messages: messages(`question ${i}`) }));
    // One collision in this many is already rare among 2^32.
    assert.ok(seen.size >= 4_999, `${seen.size} of 5000`);
  });

  it('differs between long first messages that begin alike', () => {
    const key = (content: string) => keyOf({ messages: [{ role: 'user', content }] });
    const template = 'c'.repeat(10_000);
    assert.notEqual(key(`${template} one?`), key(`${template} two?`));
    assert.notEqual(key(`${template}middle${template}`), key(`${template}${template}`));
  });

  it('differs with the prompt of the system', () => {
    const key = (content: string) =>
      keyOf({
        messages: [
          { role: 'system', content },
          { role: 'user', content: 'Hi' },
        ],
      });
    assert.notEqual(key('a'), key('b'));
  });

  it('sees a role wherever it stands in the message and however it is spelled', () => {
    const end = ',{"role":"assistant","content":"b"}';
    for (const message of [
      '{"role":"user","content":"a"}',
      '{"content":[{"role":"system","type":"text","text":"a"}],"role":"user"}',
      '{ "r\\u006fle" : "us\\u0065r" , "content":"a"}',
    ]) {
      const first = promptPrefixKey(Buffer.from(`{"messages":[${message}]}`));
      assert.equal(promptPrefixKey(Buffer.from(`{"messages":[${message}${end}]}`)), first, message);
    }
    const assistant = '{"role":"assistant","content":"user"}';
    assert.notEqual(
      promptPrefixKey(Buffer.from(`{"messages":[${assistant}]}`)),
      promptPrefixKey(Buffer.from(`{"messages":[${assistant}${end}]}`)),
    );
  });

  it('without a user, counts the first messages only', () => {
    const messages = Array.from({ length: 40 }, (_, i) => ({ role: 'assistant', content: `${i}` }));
    assert.equal(keyOf({ messages }), keyOf({ messages: messages.slice(0, 30) }));
    assert.notEqual(keyOf({ messages }), keyOf({ messages: messages.slice(1) }));
  });

  it('of a plain prompt it is the beginning', () => {
    for (const name of ['prompt', 'input']) {
      const key = (prompt: unknown) => keyOf({ model: 'm', [name]: prompt });
      const thousand = 'p'.repeat(1_100);
      assert.equal(key(thousand), key(`${thousand} and more`));
      assert.equal(key('q'.repeat(300)), key('q'.repeat(1_000)));
      assert.notEqual(key('a'), key('b'));
      assert.notEqual(key(`a${thousand}`), key(`b${thousand}`));
      assert.equal(key([thousand, 'x']), key([thousand, 'y']));
      assert.notEqual(key([1, 2, 3]), key([1, 2, 4]));
    }
  });

  it('of an input of messages it is as of messages', () => {
    const first = { role: 'user', content: 'Hi' };
    const key = keyOf({ input: [first] });
    assert.equal(keyOf({ input: [first, { role: 'assistant', content: 'Hello' }] }), key);
    assert.notEqual(keyOf({ input: [{ role: 'user', content: 'Ho' }] }), key);
  });

  it('is none where there is no prompt', () => {
    for (const body of [
      {},
      [],
      'x',
      null,
      { messages: [] },
      { messages: {} },
      { messages: 'a' },
      { prompt: '' },
      { input: [] },
      { prompt: 7 },
      { x: { messages: [{ role: 'user' }] } },
    ]) {
      assert.equal(keyOf(body), undefined, JSON.stringify(body));
    }
    for (const broken of ['', '{"messages":[{"role":"user"', '{"prompt":"a', '{"messages":', '{"prompt"']) {
      assert.equal(promptPrefixKey(Buffer.from(broken)), undefined, broken);
    }
  });

  it('ends on any bytes', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      ' ',
      '"messages"',
      '"prompt"',
      '"role"',
      '"user"',
      '1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const key = promptPrefixKey(Buffer.from(`{"messages":[${pieces.join('')}`));
        assert.ok(key === undefined || Number.isInteger(key));
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });
});
