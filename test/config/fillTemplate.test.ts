import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { configTemplate } from '#src/config/configTemplate.js';
import { fillTemplate } from '#src/config/fillTemplate.js';
import { modelBackendText } from '#src/config/modelBackendTemplate.js';
import { propertyRuns } from '#test/runs.js';

describe('a template that is filled in', () => {
  it('changes the values and nothing else', () => {
    const template = '# head\na:\n  b: "x"   # why\n  c: [1, 2]\n\nd: true\n';
    const text = fillTemplate(template, { 'a.b': 'y', 'a.c': ['p', 'q'], d: 7 });
    assert.equal(text, '# head\na:\n  b: "y"   # why\n  c: ["p", "q"]\n\nd: 7\n');
  });

  it('refuses a key that the template has not', () => {
    assert.throws(() => fillTemplate(configTemplate, { 'node.port': 1 }), /has no key node\.port/);
  });

  it('holds any text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const filled = fillTemplate(configTemplate, { 'node.publicUrl': text, rpcProvider: [text] });
        const { node, rpcProvider } = parse(filled) as { node: { publicUrl: string }; rpcProvider: string[] };
        assert.deepEqual([node.publicUrl, rpcProvider], [text, [text]]);
      }),
      { numRuns: propertyRuns(20) },
    );
  });
});

describe('the text of model_backend.yaml', () => {
  it('holds any names, with every server of each model', () => {
    const backend = fc.record({
      url: fc.webUrl(),
      backendProvider: fc.constantFrom('vllm', 'ollama', 'custom'),
      model: fc.string({ unit: 'binary' }),
    });
    const model = fc.record({
      name: fc.string({ unit: 'binary' }),
      fxnId: fc.string(),
      backends: fc.array(backend, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(model, { minLength: 1, maxLength: 3 }), (models) => {
        const read = parse(modelBackendText(models, models[0]!.name)) as {
          models: { name: string; fxnId: string; backends: { url: string; model?: string }[] }[];
          default: string;
        };
        assert.equal(read.default, models[0]!.name);
        const names = (list: typeof read.models) =>
          list.map(({ name, fxnId, backends }) => [
            name,
            fxnId,
            ...backends.map(({ url, model: called = '' }) => [url, called]),
          ]);
        assert.deepEqual(names(read.models), names(models));
      }),
      { numRuns: propertyRuns(20) },
    );
  });
});
