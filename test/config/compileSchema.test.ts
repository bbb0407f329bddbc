import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Type from 'typebox';
import { compileSchema } from '#src/config/compileSchema.js';

const check = compileSchema(
  Type.Object({
    seed: Type.String({ pattern: '^[0-9a-f]{4}$', description: '4 hex digits' }),
    size: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
    'a/b~c': Type.Optional(Type.Boolean()),
    rows: Type.Optional(Type.Array(Type.Array(Type.Number()))),
    mode: Type.Optional(
      Type.Union([Type.Literal('cpu'), Type.Literal('gpu')], { description: '"cpu" or "gpu"' }),
    ),
  }),
);

const problemOf = (value: unknown): [place: string, expected: string] | 'valid' => {
  const checked = check(value);
  return checked.isValid ? 'valid' : [checked.problem.place, checked.problem.expected];
};

describe('a compiled schema', () => {
  it('gives back the value that matches, unknown members included', () => {
    const value = { seed: '00ff', size: 3, more: { x: 1 } };
    assert.deepEqual(check(value), { isValid: true, value });
  });

  it('names the place and what was expected there', () => {
    const seed = '00ff';
    for (const [value, place, expected] of [
      [null, '', 'object'],
      [[], '', 'object'],
      [{}, '/seed', '4 hex digits'],
      [{ seed: 'secret' }, '/seed', '4 hex digits'],
      [{ seed: 4 }, '/seed', '4 hex digits'],
      [{ seed, size: 1.5 }, '/size', 'integer'],
      [{ seed, size: 10 }, '/size', '<= 9'],
      [{ seed, 'a/b~c': 1 }, '/a~1b~0c', 'boolean'],
      [{ seed, rows: [[1], [2, '3']] }, '/rows/1/1', 'number'],
      [{ seed, mode: 'tpu' }, '/mode', '"cpu" or "gpu"'],
    ] as const) {
      assert.deepEqual(problemOf(value), [place, expected], JSON.stringify(value));
    }
  });

  it('of a union names what is wrong in the branch that was meant', () => {
    const inUnion = compileSchema(
      Type.Union([Type.Object({ nonce: Type.Optional(Type.String({ maxLength: 2 })) }), Type.Null()], {
        description: 'an object or nothing',
      }),
    );
    const expectedOf = (value: unknown): unknown => {
      const checked = inUnion(value);
      return checked.isValid ? 'valid' : checked.problem;
    };
    assert.equal(expectedOf(null), 'valid');
    assert.deepEqual(expectedOf({ nonce: 5 }), { place: '/nonce', expected: 'string' });
    assert.deepEqual(expectedOf(5), { place: '', expected: 'an object or nothing' });
  });

  it('says nothing of the value, and bounds what it says of the place', () => {
    const inRecord = compileSchema(Type.Record(Type.String(), Type.Number()));
    const checked = inRecord({ ['k'.repeat(5_000)]: 'a secret' });
    assert.ok(!checked.isValid);
    assert.equal(checked.problem.place.length, 100);
    assert.doesNotMatch(JSON.stringify(checked), /secret/);
  });
});
