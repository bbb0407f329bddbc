/** The ways to sign that a node takes, put together from its configuration. Runs on the fronts. */
import { createAccountKeying } from './accountKeying.js';
import type { SignatureSchemes } from './authenticate.js';
import { createLegacyScheme } from './legacyScheme.js';
import { createMessageScheme, type Keying } from './messageScheme.js';
import type { OwnNames } from './ownNames.js';
import { createSessionKeying } from './sessionKeying.js';
import type { SessionStore } from './sessionStore.js';
import type { SchemeName } from './signedClaim.js';
import type { SignerRecovery } from './signerRecovery.js';

export interface SignatureSchemesOptions {
  /** Those that the configuration names. */
  readonly names: readonly SchemeName[];
  readonly maxAgeS: number;
  readonly chainId: number;
  readonly ownNames: OwnNames;
  readonly recovery: SignerRecovery;
  readonly sessions: SessionStore;
}

export function createSignatureSchemes(options: SignatureSchemesOptions): SignatureSchemes {
  const { names, maxAgeS, chainId, ownNames, recovery, sessions } = options;
  const keyings: Keying[] = [];
  if (names.includes('rfc9421')) keyings.push(createAccountKeying({ chainId, recovery }));
  if (names.includes('session')) keyings.push(createSessionKeying(sessions));
  return {
    legacy: names.includes('legacy') ? createLegacyScheme({ recovery, maxAgeS }) : undefined,
    messages: keyings.length > 0 ? createMessageScheme({ keyings, ownNames, maxAgeS }) : undefined,
  };
}
