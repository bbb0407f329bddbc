import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { type DemoBackend, demoModel, startDemoBackend } from './demoBackend.js';

describe("the demo's backend, through the official client", () => {
  let backend: DemoBackend;
  let client: OpenAI;

  before(async () => {
    backend = await startDemoBackend({ tokenIntervalMs: 1 });
    client = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  after(() => backend.close());

  test('lists its model', async () => {
    const { data } = await client.models.list();
    assert.deepEqual(
      data.map(({ id }) => id),
      [demoModel],
    );
  });

  const messages = [{ role: 'user' as const, content: 'Are you there?' }];

  test('streams a chat in many pieces that say the same as the whole', async () => {
    const whole = await client.chat.completions.create({ model: demoModel, messages });
    const pieces: string[] = [];
    const stream = await client.chat.completions.create({ model: demoModel, messages, stream: true });
    for await (const piece of stream) pieces.push(piece.choices[0]?.delta.content ?? '');
    assert.match(
      whole.choices[0]?.message.content ?? '',
      /^You asked: "Are you there\?" This text comes from/,
    );
    assert.equal(pieces.join(''), whole.choices[0]?.message.content);
    assert.ok(pieces.length > 20);
    assert.equal(whole.choices[0]?.finish_reason, 'stop');
  });

  test('ends after as many tokens as were asked for, and counts them', async () => {
    const stream = await client.chat.completions.create({
      model: demoModel,
      messages,
      stream: true,
      max_completion_tokens: 3,
      stream_options: { include_usage: true },
    });
    let text = '';
    let last: OpenAI.ChatCompletionChunk | undefined;
    let finishReason: string | null | undefined;
    for await (const piece of stream) {
      text += piece.choices[0]?.delta.content ?? '';
      finishReason = piece.choices[0]?.finish_reason ?? finishReason;
      last = piece;
    }
    assert.equal(text, 'You asked: "Are');
    assert.equal(finishReason, 'length');
    assert.equal(last?.usage?.completion_tokens, 3);
  });

  test('answers plain completions', async () => {
    const { choices } = await client.completions.create({ model: demoModel, prompt: 'Say it' });
    assert.match(choices[0]?.text ?? '', /^You asked: "Say it" This text/);
  });

  test('gives the same embedding for the same text, and another for another', async () => {
    const input = ['one', 'one', 'two'];
    const { data } = await client.embeddings.create({ model: demoModel, input, encoding_format: 'float' });
    const [first, second, third] = data.map(({ embedding }) => embedding);
    assert.deepEqual(first, second);
    assert.notDeepEqual(first, third);
  });

  test('refuses what is no JSON object and what it does not know', async () => {
    const post = (path: string, body: string) => fetch(`${backend.url}${path}`, { method: 'POST', body });
    assert.equal((await post('/v1/chat/completions', '{')).status, 400);
    assert.equal((await post('/v1/images', '{}')).status, 404);
  });
});
