import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCodeName, errorCodes } from '#src/errors/codes.js';
import { NodeError } from '#src/errors/nodeError.js';
import { errorBody } from '#src/http/errorBody.js';

const openAi = (error: NodeError) =>
  JSON.parse(errorBody(error, 'openai')) as { error: Record<string, unknown> };

describe('the body of an error', () => {
  it("is OpenAI's error object on its routes", () => {
    assert.deepEqual(openAi(new NodeError('model_not_found', { meta: { param: 'model', model: 'gpt' } })), {
      error: {
        message: 'This model is not served here.',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
  });

  it('is message and code elsewhere', () => {
    assert.deepEqual(
      JSON.parse(errorBody(new NodeError('unknown_type', { meta: { param: 'type' } }), 'plain')),
      {
        error: { message: 'This challenge type is not known.', code: 'unknown_type' },
      },
    );
  });

  it('never shows the cause or the rest of the meta', () => {
    const error = new NodeError('upstream_unreachable', {
      meta: { backend: 'http://10.0.0.7:8000', apiKey: 'secret' },
      cause: new Error('connect ECONNREFUSED 10.0.0.7:8000'),
    });
    for (const format of ['openai', 'plain'] as const) {
      assert.doesNotMatch(errorBody(error, format), /10\.0\.0\.7|secret|ECONNREFUSED|stack/);
    }
  });

  it('has the type by which clients choose their exception, for every code that is sent', () => {
    const expected: Record<number, string> = {
      400: 'invalid_request_error',
      401: 'authentication_error',
      404: 'invalid_request_error',
      405: 'invalid_request_error',
      409: 'invalid_request_error',
      410: 'invalid_request_error',
      413: 'invalid_request_error',
      429: 'rate_limit_error',
      500: 'server_error',
      502: 'server_error',
      503: 'server_error',
      504: 'server_error',
    };
    for (const [code, { status }] of Object.entries(errorCodes)) {
      // The console's never come from the routes of that API.
      if (status === 0 || code.startsWith('console_')) continue;
      assert.equal(openAi(new NodeError(code as ErrorCodeName)).error['type'], expected[status], code);
    }
  });

  it('takes the type from a status that was kept from the backend', () => {
    const error = new NodeError('upstream_error', { status: 429 });
    assert.equal(openAi(error).error['type'], 'rate_limit_error');
  });

  it('a param that is no text is null', () => {
    assert.equal(openAi(new NodeError('invalid_request', { meta: { param: 7 } })).error['param'], null);
    assert.equal(openAi(new NodeError('invalid_request')).error['param'], null);
  });
});
