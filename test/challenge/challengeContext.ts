/** What a challenger is run with, as the dispatch would. */
import type { ChallengeContext } from '#src/challenge/challenger.js';
import { parseAddress } from '#src/lib/address.js';
import { schedulerKey } from '#test/keys/publicTestKeys.js';

export const context = (signal: AbortSignal = new AbortController().signal): ChallengeContext => ({
  caller: parseAddress(schedulerKey.checksumAddress)!,
  signal,
  id: 'request-1',
  note: () => undefined,
});
