/**
 * The scheduler as a registry of one. The network has a single scheduler today, an ordinary account that no
 * contract names, so its address is configuration: always fresh, authorised even while every RPC endpoint is
 * down. When the network puts schedulers on chain, this file is what a contract registry replaces.
 * Runs in fronts.
 */
import type { AddressText } from '../lib/address.js';
import { addressBytes } from '../lib/address.js';
import { addressWords } from '../lib/addressWords.js';
import { namedByActive } from '../shm/addressIndex.js';
import type { RegistryView } from './registryView.js';

export function createSchedulerRegistry(
  address: AddressText,
): Pick<RegistryView, 'lookup' | 'isFresh' | 'ageMs'> {
  const [a, b, c, d, e] = addressWords(addressBytes(address));
  return {
    lookup: (words) =>
      words[0] === a && words[1] === b && words[2] === c && words[3] === d && words[4] === e
        ? namedByActive
        : 0,
    isFresh: () => true,
    ageMs: () => 0,
  };
}
