/** Whether an address signed a digest, as a verdict on the request. Runs on the fronts. */
import { NodeError, toNodeError } from '../errors/nodeError.js';
import type { ClaimedCaller, Verdict } from './signedClaim.js';
import type { SignedDigest, SignerRecovery } from './signerRecovery.js';

/** What `SignedClaim.verify` answers for a signature by an Ethereum account. */
export function checkSigner(
  recovery: SignerRecovery,
  signed: SignedDigest,
  caller: ClaimedCaller,
): Verdict | Promise<Verdict> {
  const answer = recovery.verify(signed, caller.words);
  return typeof answer === 'boolean' ? verdictOn(answer) : answer.then(verdictOn, recoveryError);
}

const verdictOn = (isSigner: boolean): Verdict =>
  isSigner ? undefined : new NodeError('auth_bad_signature');

/** A full pool is a matter of load; anything else is a fault of this program. */
function recoveryError(cause: unknown): NodeError {
  if (toNodeError(cause).code !== 'compute_failed') return new NodeError('internal_error', { cause });
  return new NodeError('queue_full', { message: 'Too many signatures wait to be checked.', cause });
}
