/** A request that the state of the contracts does not allow: said before anything is sent, with what to do instead. Runs in the command line. */
import type { ProviderEntry, ProviderState } from '../contracts/readProviderState.js';
import { NodeError } from '../errors/nodeError.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { providerIdText } from './providerId.js';

export const refused = (message: string): NodeError => new NodeError('provider_refused', { message });

/** The provider that a request is about; throws a refusal. */
export function entryOf(state: ProviderState, owner: AddressText, id: HexText | undefined): ProviderEntry {
  const { providers, providerCount, wanted } = state;
  if (id !== undefined) {
    if (wanted === undefined) {
      throw refused(
        `No provider has the id ${providerIdText(id)}. "fxn provider status" lists those of this owner.`,
      );
    }
    if (wanted.owner !== owner) {
      throw refused(
        `The provider ${providerIdText(id)} belongs to ${checksumAddress(wanted.owner)}, not to ${checksumAddress(owner)}: sign with that owner's key (--key).`,
      );
    }
    return wanted;
  }
  const [only] = providers;
  if (only === undefined) {
    throw refused(
      `${checksumAddress(owner)} has no registered provider: register it with "fxn provider register", or name the owner's key with --key.`,
    );
  }
  if (providerCount > 1) {
    const ids = providers.map((entry) => `  ${providerIdText(entry.id)}`);
    throw refused(`This owner has ${providerCount} providers; choose one with --id:\n${ids.join('\n')}`);
  }
  return only;
}
