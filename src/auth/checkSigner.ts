/** Whether an address signed a digest, as a verdict on the request. Runs on the fronts. */
import { NodeError, toNodeError } from '../errors/nodeError.js';
import { isAddressOf } from '../lib/addressWords.js';
import type { ClaimedCaller, Verdict } from './signedClaim.js';
import type { SignedDigest, SignerRecovery } from './signerRecovery.js';

/** What `SignedClaim.verify` answers for a signature by an Ethereum account. */
export function checkSigner(
  recovery: SignerRecovery,
  signed: SignedDigest,
  caller: ClaimedCaller,
  done: Verdict,
): void {
  recovery.recover(signed, (signer, error) => {
    if (error !== undefined) done(recoveryError(error));
    else if (signer === undefined || !isAddressOf(caller.words, signer))
      done(new NodeError('auth_bad_signature'));
    else done();
  });
}

/** A full pool is a matter of load; anything else is a fault of this program. */
function recoveryError(cause: unknown): NodeError {
  if (toNodeError(cause).code !== 'compute_failed') return new NodeError('internal_error', { cause });
  return new NodeError('queue_full', { message: 'Too many signatures wait to be checked.', cause });
}
