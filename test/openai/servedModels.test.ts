import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeError } from '#src/errors/nodeError.js';
import { createServedModels } from '#src/openai/servedModels.js';
import { routedModel } from './routedModel.js';

const llama = routedModel({ name: 'meta/llama', aliases: ['llama', 'constructor'] });
const qwen = routedModel({ name: 'qwen', fxnId: '9' });
const served = (defaultModel: string | null) =>
  createServedModels({ models: [llama, qwen], default: defaultModel, loadedAt: 1_750_000_000 });

describe('the models that are served', () => {
  it('are found by name and by alias, letter for letter', () => {
    const models = served(null);
    assert.equal(models.find('meta/llama'), llama);
    assert.equal(models.find('llama'), llama);
    assert.equal(models.find('constructor'), llama);
    for (const name of ['Meta/llama', 'llama ', '', 'toString', '__proto__', '9']) {
      assert.equal(models.find(name), undefined, name);
    }
  });

  it('a name that is not served is not found, and the caller is not told what is', () => {
    assert.throws(() => served(null).resolve('gpt'), {
      code: 'model_not_found',
      status: 404,
      meta: { param: 'model', model: 'gpt' },
    } satisfies Partial<NodeError>);
  });

  it('no name at all is an invalid request', () => {
    assert.throws(() => served(null).resolve(undefined), {
      code: 'invalid_request',
      status: 400,
    } satisfies Partial<NodeError>);
  });

  it('the default serves what is not listed and what is not named', () => {
    const models = served('qwen');
    assert.equal(models.resolve('gpt'), qwen);
    assert.equal(models.resolve(undefined), qwen);
    assert.equal(models.resolve('llama'), llama);
  });

  it('a name of any length does not fill the log', () => {
    assert.throws(() => served(null).resolve('x'.repeat(10_000)), {
      meta: { param: 'model', model: 'x'.repeat(256) },
    } satisfies Partial<NodeError>);
  });

  it('lists each model once, and since when', () => {
    const models = served(null);
    assert.deepEqual(models.all, [llama, qwen]);
    assert.equal(models.loadedAt, 1_750_000_000);
  });
});
