/**
 * Which signers an entry of a registry stands for. How gateway ids are encoded in production is not known, so
 * every reading under which an id is an address counts. Runs in the registry thread.
 */
import { type AddressText, addressBytes, parseAddress } from '../lib/address.js';

/** The parts of an entry that name signers. */
export interface NamedEntry {
  /** 20 bytes as `0x` hex. */
  readonly owner: string;
  /** Any bytes as `0x` hex. */
  readonly id: string;
}

const zeroAddress: AddressText = `0x${'0'.repeat(40)}`;

/** The owner; the id as 20 raw bytes; the id as text of 40 hex digits, `0x` optional, in any letter case. */
export function gatewaySigners({ owner, id }: NamedEntry): readonly Uint8Array[] {
  const idBytes = Buffer.from(id.slice(2), 'hex');
  const readings = [
    parseAddress(owner),
    idBytes.byteLength === 20 ? parseAddress(id) : undefined,
    // latin1 keeps bytes above 0x7f distinct from every hex digit.
    parseAddress(idBytes.toString('latin1')),
  ];
  return usable(readings);
}

/** A provider is its owner, whatever its id says. */
export function providerSigners({ owner }: NamedEntry): readonly Uint8Array[] {
  return usable([parseAddress(owner)]);
}

/** Nobody can sign for the zero address, but a careless verifier may "recover" it. */
function usable(readings: readonly (AddressText | undefined)[]): readonly Uint8Array[] {
  return readings
    .filter((address) => address !== undefined && address !== zeroAddress)
    .map((address) => addressBytes(address as AddressText));
}
