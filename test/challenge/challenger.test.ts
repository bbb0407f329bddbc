import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Type from 'typebox';
import { defineChallenger } from '#src/challenge/challenger.js';
import { context } from './challengeContext.js';

describe('a challenger', () => {
  const echo = defineChallenger({
    type: 'ECHO',
    payload: Type.Union([
      Type.Object({ size: Type.Integer({ minimum: 1, description: 'a positive integer' }) }),
      Type.Null(),
    ]),
    deadlineMs: 10,
    run: async (payload, { id }) => ({ payload, id }),
  });

  it('is handed a payload of the right shape, with members that nobody named', async () => {
    assert.deepEqual(await echo.run({ size: 2, more: 1 }, context()), {
      payload: { size: 2, more: 1 },
      id: 'request-1',
    });
  });

  it('is handed null for a missing payload', async () => {
    assert.deepEqual(await echo.run(undefined, context()), { payload: null, id: 'request-1' });
  });

  it('rejects any other payload by the place and what was expected', async () => {
    await assert.rejects(echo.run({ size: 'a secret' }, context()), {
      code: 'invalid_payload',
      status: 400,
      message: 'The challenge payload is not valid: at /size expected a positive integer.',
    });
    await assert.rejects(echo.run('a secret', context()), {
      code: 'invalid_payload',
      message: 'The challenge payload is not valid: expected one of the allowed forms.',
    });
  });
});
