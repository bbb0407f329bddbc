import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeError } from '#src/errors/nodeError.js';
import { findModel } from '#src/openai/modelInRequest.js';
import { arbitraryMembers, objectText } from '#test/json/objectText.js';
import { propertyRuns } from '#test/runs.js';

const find = (text: string) => findModel(Buffer.from(text));
const renamed = (text: string, name: string): string => find(text).renamed(name).toString();

/** The members without the second and later ones of a key, which JSON.parse could not tell from the first. */
function withoutRepeats<Value>(members: readonly (readonly [string, Value])[]) {
  const seen = new Set<string>();
  const isLookalike = (key: string): boolean => key !== 'model' && key.toLowerCase() === 'model';
  return members.filter(([key]) => !isLookalike(key) && !seen.has(key) && seen.add(key));
}

describe('the model in a request', () => {
  it('is what JSON.parse finds, and renaming changes that value and nothing else', () => {
    const members = arbitraryMembers('model', fc.string({ unit: 'binary', maxLength: 20 }));
    const name = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(members, fc.nat(), name, (list, spelling, newName) => {
        const { bytes } = objectText(withoutRepeats(list), 'model', spelling);
        const found = findModel(bytes);
        const before = JSON.parse(bytes.toString()) as Record<string, unknown>;
        assert.equal(found.requested, before['model']);
        const after = JSON.parse(found.renamed(newName).toString()) as Record<string, unknown>;
        assert.deepEqual(after, { ...before, model: newName });
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('is refused in another letter case, which some JSON readers would take for it', () => {
    for (const body of ['{"Model":"b"}', '{"model":"a","MODEL":"b"}', '{"mode\\u004c":"b"}']) {
      assert.throws(() => findModel(Buffer.from(body)), { code: 'invalid_request' }, body);
    }
  });

  it('keeps every other byte: white space, escapes, number forms, bytes that are no UTF-8', () => {
    const body = Buffer.concat([
      Buffer.from('{ "n" : 1.00e+02 ,\n "model":\t"a" , "s":"\\u00e4\\/'),
      Buffer.of(0xff, 0xfe),
      Buffer.from('","model2":"a"}\r\n'),
    ]);
    const expected = Buffer.from(body.toString('latin1').replace('"a"', '"longer/name"'), 'latin1');
    assert.deepEqual(findModel(body).renamed('longer/name'), expected);
  });

  it('is put in front where the body names none', () => {
    assert.equal(find('{"a":1}').requested, undefined);
    assert.equal(renamed('{"a":1}', 'm'), '{"model":"m","a":1}');
    assert.equal(renamed(' { } ', 'm'), ' {"model":"m" } ');
    assert.equal(renamed('{}', 'm'), '{"model":"m"}');
  });

  it('a new name is escaped as JSON asks', () => {
    assert.equal(renamed('{"model":"a"}', 'q"\\\nä'), '{"model":"q\\"\\\\\\nä"}');
  });

  it('a model below the top level is not the model', () => {
    const body = '{"tools":[{"model":"inner"}],"x":{"model":"inner"},"model":"outer"}';
    assert.equal(find(body).requested, 'outer');
    assert.equal(renamed(body, 'new'), body.replace('outer', 'new'));
  });

  it('a text that looks like the model is not the model', () => {
    const body =
      '{"messages":[{"content":"\\"model\\":\\"x\\""}],"note":"{\\"model\\":\\"y\\"}","model":"z"}';
    assert.equal(find(body).requested, 'z');
    assert.equal(renamed(body, 'new'), body.replace('"z"', '"new"'));
  });

  for (const body of [
    '{"model":"a","model":"b"}',
    '{"model":"a","mod\\u0065l":"a"}',
    '{"model":1,"model":"a"}',
  ]) {
    it(`refuses two models: ${body}`, () => {
      assert.throws(() => find(body), {
        code: 'invalid_request',
        message: 'The body names two models.',
        meta: { param: 'model' },
      } satisfies Partial<NodeError>);
    });
  }

  for (const value of ['null', '1', 'true', '["a"]', '{"name":"a"}']) {
    it(`refuses a model that is ${value}`, () => {
      assert.throws(() => find(`{"model":${value}}`), {
        code: 'invalid_request',
        message: 'model must be a string.',
      } satisfies Partial<NodeError>);
    });
  }

  for (const body of [
    '',
    'null',
    '[]',
    '"a"',
    '{"model":"a"',
    '{"model":"a"}x',
    'model=a',
    '{"model":"a\\q"}',
  ]) {
    it(`refuses what is no JSON object: ${body}`, () => {
      assert.throws(() => find(body), { code: 'invalid_json' } satisfies Partial<NodeError>);
    });
  }
});
