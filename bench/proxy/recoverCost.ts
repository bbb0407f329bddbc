/**
 * What one native recovery of a signer costs and nothing else, in a process of its own so that it runs on the core of
 * the proxies: each message is answered with the microseconds of CPU that one took. Signatures differ, as those of requests
 * do: one that is recovered again and again takes a tenth less, because its branches are foreseen.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import secp256k1 from 'secp256k1';
import { schedulerKey } from '#test/keys/publicTestKeys.js';

interface NativeBinding {
  ecdsaRecover(
    signature: Uint8Array,
    recoveryId: number,
    digest: Uint8Array,
    compressed: boolean,
    output: Uint8Array,
  ): Uint8Array;
}

const binding = createRequire(import.meta.url)('secp256k1/bindings') as NativeBinding;
const runs = 4_000;
const key = Buffer.from(schedulerKey.privateKeyHex, 'hex');
const signed = Array.from({ length: runs }, () => {
  const digest = randomBytes(32);
  return { digest, ...secp256k1.ecdsaSign(digest, key) };
});
const output = new Uint8Array(65);

process.on('message', () => {
  const before = process.cpuUsage();
  for (const { signature, recid, digest } of signed)
    binding.ecdsaRecover(signature, recid, digest, false, output);
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / runs);
});
process.once('disconnect', () => process.exit(0));
process.send?.(0);
