/**
 * How an error is shown to a caller: OpenAI's error object on `/v1/*`, a shorter one elsewhere. Only the code
 * and its safe message leave the node. Runs on the fronts.
 */
import type { NodeError } from '../errors/nodeError.js';

export type ErrorFormat = 'openai' | 'plain';

/** OpenAI's clients choose their exception class by status and print `type`; `code` is ours. */
const openAiTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'invalid_request_error',
  405: 'invalid_request_error',
  409: 'invalid_request_error',
  410: 'invalid_request_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
};

export function errorBody(error: NodeError, format: ErrorFormat): string {
  const { code, message } = error;
  if (format === 'plain') return JSON.stringify({ error: { message, code } });
  const type = openAiTypes[error.status] ?? 'server_error';
  const param = typeof error.meta['param'] === 'string' ? error.meta['param'] : null;
  return JSON.stringify({ error: { message, type, param, code } });
}
