import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isWithin, parseIp, parseIpRange } from '#src/egress/ipAddress.js';
import { isPublicAddress } from '#src/egress/publicAddress.js';
import { propertyRuns } from '#test/runs.js';
import { privateIpv4, privateIpv6 } from './refusedUrls.js';

const isPublic = (text: string): boolean => isPublicAddress(parseIp(text)!);

/** As the parser of URLs, which is another, writes it. */
const canonical = (address: string): string => new URL(`http://[${address}]/`).hostname.slice(1, -1);

describe('an IP address', () => {
  it('is the same in all its spellings', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        assert.deepEqual(parseIp(address), parseIp(canonical(address)));
        assert.deepEqual(parseIp(address.toUpperCase()), parseIp(address));
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('in IPv6 clothes is the IPv4 address within', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        assert.equal(parseIp(`::ffff:${address}`)?.version, 4);
        assert.deepEqual(parseIp(`::ffff:${address}`), parseIp(address));
        assert.deepEqual(parseIp(canonical(`::ffff:${address}`)), parseIp(address));
        assert.notDeepEqual(parseIp(`::${address}`), parseIp(address));
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  it('is nothing else: no zone, no brackets, no short form', () => {
    for (const text of [
      '',
      ' ',
      '1',
      '127.1',
      '1.2.3.4.',
      ' 1.2.3.4',
      '01.2.3.4',
      '0x7f.0.0.1',
      '1.2.3.256',
    ]) {
      assert.equal(parseIp(text), undefined, text);
    }
    for (const text of [
      ':',
      ':::',
      '[::1]',
      '::1%lo',
      'fe80::1%25eth0',
      '1::2::3',
      '::ffff:1.2.3',
      'localhost',
    ]) {
      assert.equal(parseIp(text), undefined, text);
    }
  });
});

describe('a range', () => {
  it('holds what another implementation says it holds', () => {
    const ipv4 = fc.tuple(fc.ipV4(), fc.nat(32), fc.ipV4(), fc.constant('ipv4' as const));
    const ipv6 = fc.tuple(fc.ipV6(), fc.nat(128), fc.ipV6(), fc.constant('ipv6' as const));
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), ([base, prefix, address, family]) => {
        // Mapped addresses are IPv4 here, and the other implementation takes them for both.
        fc.pre(parseIp(base)?.version === parseIp(address)?.version);
        fc.pre(parseIp(base)?.version === (family === 'ipv4' ? 4 : 6));
        const list = new BlockList();
        list.addSubnet(base, prefix, family);
        const range = parseIpRange(`${base}/${prefix}`)!;
        assert.equal(isWithin(parseIp(address)!, range), list.check(address, family));
        assert.equal(isWithin(parseIp(base)!, range), true);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('of one kind holds no address of the other', () => {
    assert.equal(isWithin(parseIp('::1')!, parseIpRange('0.0.0.0/0')!), false);
    assert.equal(isWithin(parseIp('127.0.0.1')!, parseIpRange('::/0')!), false);
  });

  it('is refused when it is none', () => {
    for (const text of [
      '',
      '/8',
      '10.0.0.0/',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      'name/8',
    ]) {
      assert.equal(parseIpRange(text), undefined, text);
    }
    assert.equal(parseIpRange('::ffff:10.0.0.0/8'), undefined);
  });
});

describe('a public address', () => {
  it('is none that leads into a network of its own', () => {
    for (const address of [...privateIpv4, ...privateIpv6]) assert.equal(isPublic(address), false, address);
  });

  it('is any other, up to the edges of the special ranges', () => {
    for (const address of [
      '1.1.1.1',
      '8.8.8.8',
      '9.255.255.255',
      '11.0.0.0',
      '93.184.216.34',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
      '168.63.129.15',
      '168.63.129.17',
      '169.253.255.255',
      '169.255.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '192.0.1.0',
      '192.0.3.0',
      '192.167.255.255',
      '192.169.0.0',
      '198.17.255.255',
      '198.20.0.0',
      '223.255.255.255',
      '2001:200::1',
      '2001:4860:4860::8888',
      '2001:db7::1',
      '2001:db9::1',
      '2003::1',
      '2606:4700::1111',
      '2a00:1450::5efe:8.8.8.8',
      '3ffe::1',
      '64:ff9b::8.8.8.8',
      '::ffff:8.8.8.8',
    ]) {
      assert.equal(isPublic(address), true, address);
    }
  });
});
