import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isModelListed, kindInModelList, namesIn, probesFor } from '#src/upstream/backendKind.js';
import { propertyRuns } from '#test/runs.js';

describe('whether a backend lists the configured model', () => {
  it('is a matter of the exact name, and of the tag that Ollama leaves out', () => {
    assert.equal(isModelListed('vllm', ['a', 'b'], 'b'), true);
    assert.equal(isModelListed('vllm', ['a', 'b'], 'B'), false);
    assert.equal(isModelListed('custom', ['a:latest'], 'a'), false);
    assert.equal(isModelListed('ollama', ['a:latest'], 'a'), true);
    assert.equal(isModelListed('ollama', ['a:7b'], 'a'), false);
  });

  it('is open where the list is missing or empty, except on an Ollama without models', () => {
    assert.equal(isModelListed('vllm', undefined, 'a'), undefined);
    assert.equal(isModelListed('custom', [], 'a'), undefined);
    assert.equal(isModelListed('ollama', [], 'a'), false);
  });

  it('does not matter to servers that answer under any name', () => {
    assert.equal(isModelListed('llamacpp', ['gemma.gguf'], 'a'), undefined);
    assert.equal(isModelListed('tgi', ['org/m'], 'a'), undefined);
    assert.equal(isModelListed('llamacpp', ['a', 'b'], 'c'), false);
  });
});

describe('reading what servers say', () => {
  it('survives any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, entry) => {
        for (const json of [value, { data: value }, { models: [entry, { id: 'a', owned_by: value }] }]) {
          const names = namesIn(json);
          assert.ok(names === undefined || names.every((name) => typeof name === 'string'));
          kindInModelList(json);
          for (const { isAnswer } of probesFor('vllm')) {
            if (typeof json === 'object' && json !== null) isAnswer(json as Record<string, unknown>);
          }
        }
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('asks for the expected kind first', () => {
    assert.equal(probesFor('tgi')[0]?.kind, 'tgi');
    assert.equal(probesFor('vllm')[0]?.kind, 'vllm');
    assert.ok(!probesFor('custom').some(({ kind }) => kind === 'vllm'));
  });
});
