/**
 * A registry at one block, as the bytes that cross threads: a short header, then the address index, which is
 * searched where it lies.
 *
 *     0 magic u32 │ 4 entries u32 │ 8 block number f64 │ 16 block time f64 │ 24 block hash, 32 bytes │ 56 index
 *
 * Encoded by the registry thread, decoded once per generation by fronts and main.
 */
import { NodeError } from '../errors/nodeError.js';
import { hexText } from '../lib/hexText.js';
import {
  AddressIndex,
  addressIndexBytes,
  encodeAddressIndex,
  type IndexedAddress,
} from '../shm/addressIndex.js';
import { createSnapshotCell } from '../shm/snapshotCell.js';

const magic = 0x72736e31;
const headerBytes = 56;

/**
 * Addresses that fit a cell of the default size. 10,000 gateways name at most 20,000 (an owner and one reading
 * of the id each); the table doubles, so the same memory holds 32,768: 1.5 MiB a slot, 3 MiB a cell.
 */
const defaultCellAddresses = 32_768;

export interface RegistryBlock {
  readonly blockNumber: number;
  /** `0x` and 64 hex digits. */
  readonly blockHash: `0x${string}`;
  /** Unix seconds. */
  readonly blockTimestampS: number;
}

export interface RegistrySnapshot extends RegistryBlock {
  /** Entries of the registry, paused ones included; several may name one address. */
  readonly entries: number;
  readonly index: AddressIndex;
}

export interface RegistryContent extends RegistryBlock {
  readonly entries: number;
  readonly addresses: Iterable<IndexedAddress>;
}

/** A cell for one registry; holds a snapshot that names up to `addresses` distinct addresses. */
export function createRegistryCell(addresses = defaultCellAddresses): SharedArrayBuffer {
  return createSnapshotCell(headerBytes + addressIndexBytes(addresses));
}

export function encodeRegistrySnapshot(content: RegistryContent): Uint8Array {
  const index = encodeAddressIndex(content.addresses);
  const bytes = new Uint8Array(headerBytes + index.byteLength);
  const header = new DataView(bytes.buffer, 0, headerBytes);
  header.setUint32(0, magic, true);
  header.setUint32(4, content.entries, true);
  header.setFloat64(8, content.blockNumber, true);
  header.setFloat64(16, content.blockTimestampS, true);
  bytes.set(Buffer.from(content.blockHash.slice(2), 'hex'), 24);
  bytes.set(index, headerBytes);
  return bytes;
}

/** Throws `snapshot_corrupt` for anything that `encodeRegistrySnapshot` did not make. */
export function decodeRegistrySnapshot(bytes: Uint8Array): RegistrySnapshot {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < headerBytes || header.getUint32(0, true) !== magic) {
    throw new NodeError('snapshot_corrupt', { meta: { bytes: bytes.byteLength } });
  }
  return {
    entries: header.getUint32(4, true),
    blockNumber: header.getFloat64(8, true),
    blockTimestampS: header.getFloat64(16, true),
    blockHash: hexText(bytes.subarray(24, headerBytes)),
    index: new AddressIndex(bytes.subarray(headerBytes)),
  };
}
