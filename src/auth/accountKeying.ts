/**
 * Message signatures by an Ethereum account (the scheme `rfc9421`, after ERC-8128): EIP-191 over the signature
 * base, for this node's chain. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { ReceivedBody } from '../http/bodyReader.js';
import { checkSigner } from './checkSigner.js';
import { ClaimedCallers } from './claimedCallers.js';
import { bodyRefusal } from './contentDigest.js';
import { personalDigest } from './digest.js';
import { accountKeyidPrefix } from './keyids.js';
import type { Keying, SignedMessage } from './messageScheme.js';
import { recoveryIdOf } from './recoveryId.js';
import type { ClaimedCaller, SignedClaim, Verdict } from './signedClaim.js';
import type { SignedDigest, SignerRecovery } from './signerRecovery.js';

/** No registry names it; callers leave `alg` out as a rule. */
const accountAlgorithm = 'eip191-secp256k1';

export interface AccountKeyingOptions {
  readonly chainId: number;
  readonly recovery: SignerRecovery;
}

const signatureBytes = 65;

export function createAccountKeying({ chainId, recovery }: AccountKeyingOptions): Keying {
  const prefix = `${accountKeyidPrefix}${chainId}:`;
  const callers = new ClaimedCallers(prefix.length);
  return {
    keyidPrefix: accountKeyidPrefix,
    keyidForm: `${prefix}<address>`,
    algorithm: accountAlgorithm,
    accepts(keyid) {
      // An address without its 0x, or with 0X, would be one, too.
      const isWhole = keyid.startsWith(prefix) && keyid.startsWith('0x', prefix.length);
      return isWhole && callers.named(keyid) !== undefined;
    },
    claim(message) {
      const { signature } = message;
      const recoveryId = recoveryIdOf(signature[signatureBytes - 1]);
      if (signature.length !== signatureBytes || recoveryId === undefined) {
        const text = 'The signature is not r, s and v in 65 bytes, v 0, 1, 27 or 28.';
        return new NodeError('auth_malformed', { message: text });
      }
      return new AccountClaim(message, callers.named(message.keyid)!, recoveryId, recovery);
    },
  };
}

/** Of the request that is being verified. */
const digest = new Uint8Array(32);

class AccountClaim implements SignedClaim {
  readonly scheme = 'rfc9421';
  readonly timestampName = 'created';
  readonly caller: ClaimedCaller;
  readonly signedAtS: number;
  /** `expires`, since it may not lie further behind `created` than the time window reaches. */
  readonly endsAtS: number;
  readonly nonce: string;
  readonly #message: SignedMessage;
  readonly #recoveryId: SignedDigest['recoveryId'];
  readonly #recovery: SignerRecovery;

  constructor(
    message: SignedMessage,
    caller: ClaimedCaller,
    recoveryId: SignedDigest['recoveryId'],
    recovery: SignerRecovery,
  ) {
    this.caller = caller;
    this.signedAtS = message.createdS;
    this.endsAtS = message.expiresS;
    this.nonce = message.nonce;
    this.#message = message;
    this.#recoveryId = recoveryId;
    this.#recovery = recovery;
  }

  identify(done: (verdict: Verdict) => void): void {
    done(undefined);
  }

  verify(body: ReceivedBody): Verdict | Promise<Verdict> {
    const { base, signature, bodySha256Hex } = this.#message;
    const refusal = bodyRefusal(bodySha256Hex, body);
    if (refusal !== undefined) return refusal;
    const signed = {
      digest: personalDigest(base, digest),
      signature: signature.subarray(0, 64),
      recoveryId: this.#recoveryId,
    };
    return checkSigner(this.#recovery, signed, this.caller);
  }
}
