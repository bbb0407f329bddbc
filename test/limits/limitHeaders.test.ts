import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callerLimits } from '#src/lib/callerLimits.js';
import { limitHeaders, resetText } from '#src/limits/limitHeaders.js';

const headersOf = (
  limits: { requestsPerSecond?: number; concurrentStreams?: number; tokensPerMinute?: number },
  levels: { requestsMissingNs: number; tokensMissingNs: number },
): Record<string, string> => {
  const found: Record<string, string> = {};
  const off = { requestsPerSecond: 0, concurrentStreams: 0, tokensPerMinute: 0 };
  limitHeaders(callerLimits({ ...off, ...limits })!, levels, (name, value) => {
    found[name] = value;
  });
  return found;
};

describe('the headers about limits', () => {
  it('tell of each limit that is on what it is, what is left and when it is whole again', () => {
    const levels = { requestsMissingNs: 400e6, tokensMissingNs: 90e9 };
    assert.deepEqual(headersOf({ requestsPerSecond: 5, tokensPerMinute: 600 }, levels), {
      'x-ratelimit-limit-requests': '5',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '400ms',
      'x-ratelimit-limit-tokens': '600',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '1m30s',
    });
    assert.deepEqual(headersOf({ concurrentStreams: 5 }, levels), {});
  });

  it('write times as OpenAI does', () => {
    const texts: Record<number, string> = {
      0: '0s',
      1: '1ms',
      999: '999ms',
      1000: '1s',
      8640: '8.64s',
      60000: '1m0s',
      360000: '6m0s',
      90951: '1m30.951s',
      3603000: '1h0m3s',
    };
    for (const [ms, text] of Object.entries(texts)) assert.equal(resetText(Number(ms)), text);
  });
});
