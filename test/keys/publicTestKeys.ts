/** The network's public test keys and what its Go node makes of them. Never use them for anything of value. */

export const gatewayKey = {
  privateKeyHex: '12ab6940855df9d012fb8bb3e2408e0ec8400a180914a716422f5daf62422171',
  publicKeyHex:
    '045c8c4bb1c7ddebc774efc6507a671f18922cfcce865f6946f8f152ae1663bc2b72c87fe77cfa1c9dd28961623419b58750281cb5a22c5506a94a749f90d9ff58',
  checksumAddress: '0x0172b2911af6A2491ff76dDEc34aCb7AE2c03BA1',
  /** Signed over the keccak of `publicKey ‖ "." ‖ "127.0.0.1"`: the IDENTITY answer. */
  identityDigestHex: '2e9828a016cfeb45db1c1c1d7800b673cde06296cbbe4199c0498aa814027f3b',
  identitySignatureHex:
    '57a12afaea7abf1d9ef0afbc6a8d368f75759220c27d99099c6b83e2292f354f53a08b6606e146507fcb190d6ce4171af3ec27a14d3bbed10a7e16c84c69359b00',
  /** A file as the Go node writes it, to the byte. */
  goFile: `{
  "public_key": "045c8c4bb1c7ddebc774efc6507a671f18922cfcce865f6946f8f152ae1663bc2b72c87fe77cfa1c9dd28961623419b58750281cb5a22c5506a94a749f90d9ff58",
  "address": "0x0172b2911af6A2491ff76dDEc34aCb7AE2c03BA1",
  "private_key": "12ab6940855df9d012fb8bb3e2408e0ec8400a180914a716422f5daf62422171"
}`,
} as const;

export const schedulerKey = {
  privateKeyHex: '3f66a4f582a8ea36867469c2a4531bfdb8d367b7a77a004f984ebe486003e236',
  checksumAddress: '0x9EC5501b7db525648C46098CCe1Df11EbBA9c16a',
} as const;

export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
