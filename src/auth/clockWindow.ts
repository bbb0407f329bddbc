/**
 * When a signed request may have been made: not before this process could know of its nonce, not too long ago,
 * not too far ahead. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';

export interface ClockWindow {
  readonly maxAgeS: number;
  readonly maxSkewS: number;
  /** Requests dated at or before this second may have been served by an earlier process. */
  readonly replayMarkS: number;
}

/** Why a timestamp is refused; `undefined` when it is not. Seconds since 1970; `name` is what callers call it. */
export function timestampRefusal(
  timestampS: number,
  nowS: number,
  window: ClockWindow,
  name = 'X-Timestamp',
): NodeError | undefined {
  if (timestampS > nowS + window.maxSkewS) {
    return refusal(`${name} is ${timestampS - nowS} s ahead of this node's clock.`);
  }
  if (timestampS < nowS - window.maxAgeS) {
    return refusal(`${name} is ${nowS - timestampS} s old; at most ${window.maxAgeS} s are accepted.`);
  }
  if (timestampS <= window.replayMarkS) {
    return refusal(`${name} is not later than the start of this node; sign the request again.`);
  }
  return undefined;
}

const refusal = (message: string): NodeError => new NodeError('auth_expired', { message });
