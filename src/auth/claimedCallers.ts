/**
 * Callers by the text with which they name themselves: whoever comes again is looked up and not parsed. Says nothing of
 * who may call. Runs on the fronts.
 */
import { parseAddress } from '../lib/address.js';
import { addressTextWords } from '../lib/addressWords.js';
import type { ClaimedCaller } from './signedClaim.js';

/** More than there are gateways. When strangers have filled it, it begins anew. */
const maxCallers = 4_096;

export class ClaimedCallers {
  readonly #byName = new Map<string, ClaimedCaller>();
  readonly #addressAt: number;

  /** @param addressAt where in a name the address begins; it ends with the name */
  constructor(addressAt = 0) {
    this.#addressAt = addressAt;
  }

  /** `undefined` when the name holds no address. */
  named(name: string): ClaimedCaller | undefined {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const address = parseAddress(name.slice(this.#addressAt));
    if (address === undefined) return undefined;
    const caller = { address, words: addressTextWords(address) };
    if (this.#byName.size >= maxCallers) this.#byName.clear();
    this.#byName.set(name, caller);
    return caller;
  }
}
