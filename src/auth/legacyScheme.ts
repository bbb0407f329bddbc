/**
 * Requests signed the network's first way: four headers, and a message of body hash, timestamp and nonce that
 * names neither method, path nor recipient. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { ReceivedBody } from '../http/bodyReader.js';
import { checkSigner } from './checkSigner.js';
import { ClaimedCallers } from './claimedCallers.js';
import { legacyMessage, personalDigest } from './digest.js';
import { type LegacyHeaders, parseLegacyHeaders } from './legacyHeaders.js';
import type { ClaimedCaller, SignatureScheme, SignedClaim, Verdict } from './signedClaim.js';
import type { SignerRecovery } from './signerRecovery.js';

export interface LegacySchemeOptions {
  readonly recovery: SignerRecovery;
  readonly maxAgeS: number;
}

export function createLegacyScheme(options: LegacySchemeOptions): SignatureScheme {
  const callers = new ClaimedCallers();
  return {
    read({ headers }) {
      const signed = parseLegacyHeaders(headers, callers);
      return signed instanceof NodeError ? signed : new LegacyClaim(signed, options);
    },
  };
}

/** Of the request that is being verified. */
const digest = new Uint8Array(32);

class LegacyClaim implements SignedClaim {
  readonly scheme = 'legacy';
  readonly timestampName = 'X-Timestamp';
  readonly caller: ClaimedCaller;
  readonly signedAtS: number;
  readonly endsAtS: number;
  readonly nonce: string;
  readonly #signed: LegacyHeaders;
  readonly #recovery: SignerRecovery;

  constructor(signed: LegacyHeaders, { maxAgeS, recovery }: LegacySchemeOptions) {
    this.caller = signed.caller;
    this.signedAtS = signed.timestampS;
    this.endsAtS = signed.timestampS + maxAgeS + 1;
    this.nonce = signed.nonce;
    this.#signed = signed;
    this.#recovery = recovery;
  }

  identify(done: (verdict: Verdict) => void): void {
    done(undefined);
  }

  verify(body: ReceivedBody): Verdict | Promise<Verdict> {
    const { timestamp, nonce, signature, recoveryId } = this.#signed;
    personalDigest(legacyMessage(body.sha256Hex, timestamp, nonce), digest);
    return checkSigner(this.#recovery, { digest, signature, recoveryId }, this.caller);
  }
}
