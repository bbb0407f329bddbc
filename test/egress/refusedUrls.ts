/**
 * URLs that lead, in one spelling or another, to a place that a stranger may not have requested. `port` is one where
 * servers of the test listen on loopback, so that a guard that fails is seen to fail.
 */

/** One of each kind of address that is not public. */
export const privateIpv4: readonly string[] = [
  '127.0.0.1',
  '127.0.0.2',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.100.100.200',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '168.63.129.16',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
];

export const privateIpv6: readonly string[] = [
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::2',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'ff0e::1',
  '100::1',
  '2001:db8::1',
  '2001::1',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2002::1',
  '3fff::1',
  '4000::1',
  '5f00::1',
  '64:ff9b:1::1',
  '64:ff9b:1:ffff::808:808',
];

const hex = (value: number, digits = 0): string => value.toString(16).padStart(digits, '0');

/** The ways to write an IPv4 address as a host; all but the last few mean it to every browser. */
function spellings(address: string): string[] {
  const parts = address.split('.').map(Number) as [number, number, number, number];
  const [a, b, c, d] = parts;
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const high = hex(a * 256 + b);
  const low = hex(c * 256 + d);
  const wide = address.replace(/[0-9]/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
  return [
    address,
    `${address}.`,
    String(whole),
    `0x${hex(whole)}`,
    `0X${hex(whole, 8).toUpperCase()}`,
    `0${whole.toString(8)}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    parts.map((part) => `0x${hex(part)}`).join('.'),
    parts.map((part) => `0${part.toString(8)}`).join('.'),
    parts.map((part) => `000${part.toString(8)}`).join('.'),
    `0x${hex(a)}.0${b.toString(8)}.${c * 256 + d}`,
    wide,
    address.replaceAll('.', '。'),
    address.replaceAll('.', '．'),
    address.replaceAll('.', '｡'),
    address.replace(/[0-9]/g, (digit) => `%3${digit}`),
    address.replaceAll('.', '%2e'),
    address.replaceAll('.', '%E3%80%82'),
    `[::ffff:${address}]`,
    `[::FFFF:${high}:${low}]`,
    `[0:0:0:0:0:ffff:${high}:${low}]`,
    `[::${address}]`,
    `[::ffff:0:${address}]`,
    `[64:ff9b::${address}]`,
    `[64:ff9b::${high}:${low}]`,
    `[64:ff9b:1::${address}]`,
    `[2002:${high}:${low}::1]`,
    `[2001:0:5db8:d822:0:0:${hex(0xffff - (a * 256 + b))}:${hex(0xffff - (c * 256 + d))}]`,
    `[2a00:1450::5efe:${address}]`,
    `[2a00:1450::200:5efe:${address}]`,
  ];
}

const twisted = (port: number): string[] => [
  // Names of this machine.
  ...[
    'localhost',
    'LOCALHOST',
    'LocalHost',
    'localhost.',
    'localhost..',
    'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
    'ｌｏｃａｌｈｏｓｔ',
    'local%68ost',
    'a.localhost',
    'a.b.localhost.',
    'localhost.localdomain',
    'ip6-localhost',
    'ip6-loopback',
  ].map((host) => `http://${host}:${port}/`),
  // Who is asked is not who it looks like.
  `http://public.example@127.0.0.1:${port}/`,
  `http://public.example:80@127.0.0.1:${port}/`,
  `http://public.example%40127.0.0.1:${port}/`,
  `http://public.example:pw@public.example/`,
  `http://:pw@public.example/`,
  `http://user@public.example/`,
  `http://a@b@127.0.0.1:${port}/`,
  `http://127.0.0.1:${port}@public.example/`,
  `http://127.0.0.1:${port}#@public.example/`,
  `http://127.0.0.1:${port}?@public.example/`,
  `http://127.0.0.1:${port}\\@public.example/`,
  `http://127.0.0.1:${port}/@public.example/`,
  `http://public.example#@127.0.0.1:${port}/`.replace('#', '%23'),
  `http:\\\\127.0.0.1:${port}\\`,
  `http:/127.0.0.1:${port}/`,
  `http:127.0.0.1:${port}/`,
  `http:///127.0.0.1:${port}/`,
  `http:////127.0.0.1:${port}/`,
  `HTTP://127.0.0.1:${port}/`,
  `https://127.0.0.1:${port}/`,
  // What a parser would drop.
  ` http://127.0.0.1:${port}/`,
  `http://127.0.0.1:${port}/\n`,
  `ht\ntp://127.0.0.1:${port}/`,
  `http://127.0\t.0.1:${port}/`,
  `http://public.example /`,
  `http://public.example\r\nHost: 127.0.0.1/`,
  `http://public.example/\u0000`,
  `http://public.example/\r\n\r\nGET / HTTP/1.1`,
  // Zones, and brackets that are none.
  `http://[fe80::1%25lo]:${port}/`,
  `http://[fe80::1%lo]:${port}/`,
  `http://[::1%25lo]:${port}/`,
  `http://[::1]]:${port}/`,
  `http://[[::1]]:${port}/`,
  `http://[127.0.0.1]:${port}/`,
  `http://::1:${port}/`,
  `http://[::1.2.3.4.5]:${port}/`,
  `http://[::ffff:127.1]:${port}/`,
  // Numbers that are no address.
  `http://256.0.0.1:${port}/`,
  `http://127.0.0.0.1:${port}/`,
  `http://4294967296:${port}/`,
  `http://0x100000000:${port}/`,
  `http://127.0.0.08:${port}/`,
  `http://name.0x7f:${port}/`,
  `http://127.0.0.1:${port}0000/`,
  // Other schemes, and no URLs.
  'file:///etc/passwd',
  `file://127.0.0.1/etc/passwd`,
  `ftp://127.0.0.1:${port}/`,
  `gopher://127.0.0.1:${port}/_x`,
  `dict://127.0.0.1:${port}/`,
  `ws://127.0.0.1:${port}/`,
  `wss://public.example/`,
  `unix:/var/run/docker.sock`,
  `http+unix://%2fvar%2frun%2fdocker.sock/`,
  'data:text/plain,hello',
  'javascript:alert(1)',
  'about:blank',
  `blob:http://127.0.0.1:${port}/x`,
  `view-source:http://127.0.0.1:${port}/`,
  `jar:http://127.0.0.1:${port}!/`,
  'http://',
  'http://?',
  'http://:80/',
  'https:',
  `http://public.example/${'x'.repeat(2_048)}`,
];

/** What cannot be said in the middle of a redirect: relative there, absolute alone. */
const relative = (port: number): string[] => [
  '',
  '/',
  '//',
  `//127.0.0.1:${port}/`,
  `127.0.0.1:${port}`,
  'x',
  '?',
  '#',
];

/** What names resolve to; each list holds at least one address that spoils the name. */
export const spoiledNames: Readonly<Record<string, readonly string[]>> = {
  'loopback.example': ['127.0.0.1'],
  'loopback6.example': ['::1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'any.example': ['0.0.0.0'],
  'metadata.example': ['169.254.169.254'],
  'metadata6.example': ['fd00:ec2::254'],
  'mixed-first.example': ['127.0.0.1', '93.184.216.34'],
  'mixed-last.example': ['93.184.216.34', '127.0.0.1'],
  'mixed-families.example': ['93.184.216.34', '::1'],
  'mixed-many.example': [...Array<string>(50).fill('93.184.216.34'), '10.0.0.1'],
  'translated.example': ['64:ff9b::7f00:1'],
  'tunnelled.example': ['2002:7f00:1::1'],
  'zoned.example': ['fe80::1%lo'],
  'no-address.example': ['localhost'],
  'short-address.example': ['127.1'],
  '127.0.0.1.nip.example': ['127.0.0.1'],
  'xn--bcher-kva.example': ['192.168.0.1'],
};

/** All of them; every one must be refused without a connection. */
export function refusedUrls(port: number): { readonly absolute: string[]; readonly relative: string[] } {
  const hosts = [
    ...privateIpv4.flatMap(spellings),
    ...privateIpv6.map((address) => `[${address}]`),
    ...privateIpv6.map((address) => `[${address.toUpperCase()}]`),
    ...Object.keys(spoiledNames),
    ...Object.keys(spoiledNames).map((name) => `${name.toUpperCase()}.`),
    'bücher.example',
  ];
  return {
    absolute: [...hosts.map((host) => `http://${host}:${port}/`), ...twisted(port)],
    relative: relative(port),
  };
}
