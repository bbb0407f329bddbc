/**
 * Whether this node's owner is a registered provider, read from the provider registry, and told to the operator
 * whenever it changes. Fronts read the state, the registry thread watches it.
 */

import { type AddressText, addressBytes } from '../lib/address.js';
import { addressWords } from '../lib/addressWords.js';
import type { Logger } from '../logger/logger.js';
import { namedByActive, namedByPaused } from '../shm/addressIndex.js';
import type { RegistryView } from './registryView.js';

/** `unknown` while the provider registry is stale or was never read. */
export type RegistrationState = 'active' | 'paused' | 'absent' | 'unknown';

/** `owner` as five little-endian words, see `addressWords`. */
export function registrationState(providers: RegistryView, owner: Int32Array): RegistrationState {
  if (!providers.isFresh()) return 'unknown';
  const flags = providers.lookup(owner);
  if ((flags & namedByActive) !== 0) return 'active';
  return (flags & namedByPaused) !== 0 ? 'paused' : 'absent';
}

export interface RegistrationWatch {
  readonly owner: AddressText;
  state(): RegistrationState;
  /** Looks again and logs when the state is not what it was. */
  observe(): void;
}

export function createRegistrationWatch(
  owner: AddressText,
  providers: RegistryView,
  log: Logger,
): RegistrationWatch {
  const words = addressWords(addressBytes(owner));
  let told: RegistrationState = 'unknown';
  const state = (): RegistrationState => registrationState(providers, words);
  return {
    owner,
    state,
    observe() {
      const now = state();
      if (now === told) return;
      const change = { owner, state: now, before: told };
      told = now;
      switch (now) {
        case 'active':
          log.info(change, 'this node is an active provider');
          return;
        case 'paused':
          log.warn({ ...change, remedy: 'call "fxn provider unpause"' }, 'this provider is paused');
          return;
        case 'absent':
          log.warn(
            { ...change, remedy: 'call "fxn provider register", or set registry.owner' },
            'this node is not a registered provider',
          );
          return;
        case 'unknown':
          log.warn(
            { ...change, remedy: 'check rpcProvider: the provider registry is stale' },
            'it is unknown whether this node is a registered provider',
          );
          return;
      }
    },
  };
}
