/** The hosts that an operator allows although they are not public: names, addresses and ranges. Runs in main. */
import { type IpAddress, type IpRange, isWithin, parseIp, parseIpRange } from './ipAddress.js';

export interface AllowedHosts {
  /** @param name canonical: lower case, no trailing dot */
  hasName(name: string): boolean;
  hasAddress(address: IpAddress): boolean;
}

/** @param entries as the configuration accepts them: an exact host name, an IP address or a CIDR range */
export function readAllowedHosts(entries: readonly string[]): AllowedHosts {
  const names = new Set<string>();
  const ranges: IpRange[] = [];
  for (const entry of entries) {
    // Connections carry no zone, so the address is what remains of it.
    const range = parseIpRange(entry.replace(/%[^/]*/, ''));
    if (range === undefined) names.add(entry.toLowerCase().replace(/\.$/, ''));
    else ranges.push(range);
  }
  return {
    // A name that is an address has been compared as one.
    hasName: (name) => parseIp(name) === undefined && names.has(name),
    hasAddress: (address) => ranges.some((range) => isWithin(address, range)),
  };
}
