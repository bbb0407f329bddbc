/** The clock of this machine: signatures are dated, and what looks too old or too new is refused. */
import type { Check } from '../check.js';
import { clockError } from '../clockError.js';
import type { NodeContext } from '../context.js';
import { failure, ok, skipped, warning } from '../finding.js';

const title = 'Clock';
/** Some of what `auth.maxAge` and `auth.maxSkew` allow is needed for the way of a request. */
const usedUp = 0.8;

export const checkClock: Check<NodeContext> = {
  group: 'Machine',
  title: 'clock',
  deadlineMs: 15_000,
  async run(context) {
    const error = clockError(await context.rpcs());
    if (error === undefined) return [skipped('clock', title, 'no RPC endpoint answers to compare it with')];
    const { behindMs, evidence } = error;
    if (behindMs === 0) {
      const source = evidence === 'dates' ? "the RPC servers' clocks" : 'the newest block';
      return [ok('clock', title, `agrees with ${source}`)];
    }
    const { maxAge, maxSkew } = context.config.auth;
    const seconds = Math.round(Math.abs(behindMs) / 1_000);
    const allowedMs = behindMs > 0 ? maxSkew : maxAge;
    const others = evidence === 'dates' ? 'the RPC servers say' : 'the newest block says';
    const trouble = {
      id: 'clock_off',
      title,
      detail: `it is ${seconds} s ${behindMs > 0 ? 'behind' : 'ahead of'} what ${others}`,
      remedy: 'set the clock and keep it right: "timedatectl set-ntp true", or chrony',
    } as const;
    return [Math.abs(behindMs) >= usedUp * allowedMs ? failure(trouble) : warning(trouble)];
  },
};
