/**
 * Which addresses are anybody's to name: those that the internet routes to one place. Everything else leads into this
 * machine, its network or its cloud's control plane, or nowhere. After the IANA registries of special-purpose IPv4 and
 * IPv6 addresses; where those call a block reachable although no web server lives there, it is refused. Runs in main.
 */
import { embeddedIpv4, type IpAddress, type IpRange, isWithin, parseIpRange } from './ipAddress.js';

const ranges = (...texts: readonly string[]): readonly IpRange[] => texts.map((text) => parseIpRange(text)!);

const specialIpv4 = ranges(
  '0.0.0.0/8', // this network; 0.0.0.0 itself connects to this machine
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT, overlay networks, one cloud's metadata
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure's control plane, in the midst of public addresses
  '169.254.0.0/16', // link-local and metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // relays of 6to4
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
);

/** The only block from which global addresses are given out. */
const [globalUnicast] = ranges('2000::/3') as [IpRange];

const specialIpv6 = ranges(
  '2001::/23', // protocol assignments: Teredo, benchmarking, ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: leads to the IPv4 address within, through somebody's relay
  '3fff::/20', // documentation
);

/** How networks without IPv4 reach it: their DNS gives such addresses for ordinary hosts. */
const [translation] = ranges('64:ff9b::/96') as [IpRange];

/** Interface identifiers of ISATAP, which tunnels to the IPv4 address in the last 32 bits. */
const isatapIdentifiers: readonly bigint[] = [0x0000_5efen, 0x0200_5efen];

export function isPublicAddress(address: IpAddress): boolean {
  if (address.version === 4) return !specialIpv4.some((range) => isWithin(address, range));
  if (isWithin(address, translation)) return isPublicAddress(embeddedIpv4(address));
  if (!isWithin(address, globalUnicast)) return false;
  if (specialIpv6.some((range) => isWithin(address, range))) return false;
  const isTunnel = isatapIdentifiers.includes((address.bits >> 32n) & 0xffff_ffffn);
  return !isTunnel || isPublicAddress(embeddedIpv4(address));
}
