/** IP addresses and ranges as numbers, which is how they are compared. Runs in main. */
import { isIP } from 'node:net';

export interface IpAddress {
  readonly version: 4 | 6;
  /** 32 or 128 bits. */
  readonly bits: bigint;
}

export interface IpRange extends IpAddress {
  readonly prefixLength: number;
}

const widthOf = { 4: 32, 6: 128 } as const;
const low32 = 0xffff_ffffn;

/**
 * A literal address without brackets. An IPv4 address in IPv6 clothes (`::ffff:0:0/96`) is that IPv4 address, since the
 * system connects to it as to one; `undefined` for what is none and for an address with a zone.
 */
export function parseIp(text: string): IpAddress | undefined {
  const version = isIP(text);
  if (version === 4) return { version, bits: readQuad(text) };
  // A zone names an interface of this machine: nobody outside can mean one.
  if (version !== 6 || text.includes('%')) return undefined;
  const bits = readGroups(text);
  return bits >> 32n === 0xffffn ? { version: 4, bits: bits & low32 } : { version: 6, bits };
}

/** `address` or `address/prefixLength`; an address alone is a range of one. */
export function parseIpRange(text: string): IpRange | undefined {
  const [host = '', prefix, ...more] = text.split('/');
  const address = parseIp(host);
  if (address === undefined || more.length > 0) return undefined;
  const width = widthOf[address.version];
  if (prefix === undefined) return { ...address, prefixLength: width };
  if (!/^[0-9]{1,3}$/.test(prefix)) return undefined;
  // Of a mapped address the first 96 bits are the clothes.
  const clothes = isIP(host) === 6 && address.version === 4 ? 96 : 0;
  const prefixLength = Number(prefix) - clothes;
  return prefixLength < 0 || prefixLength > width ? undefined : { ...address, prefixLength };
}

export function isWithin(address: IpAddress, range: IpRange): boolean {
  if (address.version !== range.version) return false;
  const shift = BigInt(widthOf[range.version] - range.prefixLength);
  return address.bits >> shift === range.bits >> shift;
}

/** The IPv4 address in the last 32 bits. */
export const embeddedIpv4 = ({ bits }: IpAddress): IpAddress => ({ version: 4, bits: bits & low32 });

const readQuad = (text: string): bigint =>
  BigInt(text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0));

/** @param text an IPv6 address that `isIP` accepted */
function readGroups(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const first = groupsOf(head);
  const last = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array<bigint>(8 - first.length - last.length).fill(0n);
  return [...first, ...zeros, ...last].reduce((bits, group) => (bits << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const quad = readQuad(group);
    return [quad >> 16n, quad & 0xffffn];
  });
}
