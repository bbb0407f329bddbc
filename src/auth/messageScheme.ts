/**
 * Requests signed by HTTP message signatures (RFC 9421): what every one of them must cover and for whom it must
 * be made. Whose key signs, an account's or a session's, is the keying's matter. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { RequestHead } from '../http/requestHead.js';
import { parseContentDigest } from './contentDigest.js';
import { keyidPrefixes } from './keyids.js';
import { type MessageSignature, parseMessageSignature } from './messageSignature.js';
import type { OwnNames } from './ownNames.js';
import { signatureBase } from './signatureBase.js';
import type { SignatureScheme, SignedClaim } from './signedClaim.js';

/** A signature whose form is sound, with what it is made over. */
export interface SignedMessage extends MessageSignature {
  /** ASCII. */
  readonly base: string;
  /** SHA-256 of the body that was signed, lower-case hex; `undefined` when no digest is covered. */
  readonly bodySha256Hex: string | undefined;
}

/** One kind of key, told by how its keyids begin. */
export interface Keying {
  readonly keyidPrefix: string;
  /** For the caller: what its keyids look like. */
  readonly keyidForm: string;
  /** What `alg` may say; it may also be left out. */
  readonly algorithm: string;
  accepts(keyid: string): boolean;
  /** Called with a keyid that it accepts. */
  claim(message: SignedMessage): SignedClaim | NodeError;
}

export interface MessageSchemeOptions {
  readonly keyings: readonly Keying[];
  readonly ownNames: OwnNames;
  readonly maxAgeS: number;
}

export function createMessageScheme({ keyings, ownNames, maxAgeS }: MessageSchemeOptions): SignatureScheme {
  const keyingOf = (keyid: string): Keying | undefined => keyings.find((keying) => keying.accepts(keyid));
  const notTaken = keyidPrefixes.filter(
    (prefix) => !keyings.some(({ keyidPrefix }) => keyidPrefix === prefix),
  );
  const forms = keyings.map(({ keyidForm }) => keyidForm).join(' or ');
  const refuseKeyids = (keyids: readonly string[]): NodeError => {
    const isNotTaken = keyids.some((keyid) => notTaken.some((prefix) => keyid.startsWith(prefix)));
    const message = `No signature has a keyid that this node takes: ${forms}.`;
    return new NodeError(isNotTaken ? 'auth_missing' : 'auth_malformed', { message });
  };

  return {
    read(head) {
      // The last one that was found is the only one, or the parser refuses.
      let keying: Keying | undefined;
      const isAcceptable = (keyid: string): boolean => {
        const found = keyingOf(keyid);
        keying = found ?? keying;
        return found !== undefined;
      };
      const signed = parseMessageSignature(head.headers, isAcceptable, refuseKeyids);
      if (signed instanceof NodeError) return signed;
      if (keying === undefined) return refuseKeyids([]);
      if (signed.algorithm !== undefined && signed.algorithm !== keying.algorithm) {
        return malformed(`alg is not ${keying.algorithm}; it may be left out.`);
      }
      if (signed.expiresS - signed.createdS > maxAgeS) {
        const message = `The signature expires more than ${maxAgeS} s after it was created.`;
        return new NodeError('auth_expired', { message });
      }
      const missing = missingComponent(signed.components, head);
      if (missing !== undefined) return malformed(`The signature does not cover ${missing}.`);
      const authority = ownNames.find(head.headers.get('host') ?? '');
      if (authority === undefined) {
        return malformed('Host is not a name of this node (node.publicUrl, auth.authorities).');
      }
      if (!head.path.startsWith('/')) return malformed('The request target is not a path.');
      const digest = head.headers.get('content-digest');
      const isDigestCovered = digest !== undefined && signed.components.includes('content-digest');
      const bodySha256Hex = isDigestCovered ? parseContentDigest(digest) : undefined;
      if (bodySha256Hex instanceof NodeError) return bodySha256Hex;
      const target = { scheme: ownNames.scheme, authority };
      const base = signatureBase(signed.components, signed.parameters, head, target);
      if (base instanceof NodeError) return base;
      const { keyid, algorithm, createdS, expiresS, nonce, components, parameters, signature } = signed;
      // Written out, because a spread of so many members costs microseconds.
      return keying.claim({
        keyid,
        algorithm,
        createdS,
        expiresS,
        nonce,
        components,
        parameters,
        signature,
        base,
        bodySha256Hex,
      });
    },
  };
}

/** What makes a signature good for one request to one recipient only. */
function missingComponent(components: readonly string[], head: RequestHead): string | undefined {
  if (!components.includes('@method')) return '@method';
  if (!components.includes('@authority')) return '@authority';
  if (!components.includes('@path')) return '@path';
  if (head.query !== '' && !components.includes('@query')) return '@query';
  if (head.hasBody && !components.includes('content-digest'))
    return 'content-digest, although there is a body';
  return undefined;
}

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });
