import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { concat, hexToBytes, keccak256, recoverAddress, stringToBytes, toHex, verifyMessage } from 'viem';
import { publicKeyToAddress } from 'viem/utils';
import {
  createIdentityChallenger,
  type IdentityAnswer,
  type IdentityOptions,
} from '#src/challenge/identity.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import type { GpuStat } from '#src/lib/gpuStat.js';
import { bytesOf, gatewayKey } from '#test/keys/publicTestKeys.js';
import { propertyRuns } from '#test/runs.js';
import { context } from './challengeContext.js';

const key = createNodeKey(bytesOf(gatewayKey.privateKeyHex));
const publicKey = `0x${gatewayKey.publicKeyHex}` as const;
const nonce = 'ab'.repeat(32);
const nowMs = 1_750_000_000_999;
const gpu: GpuStat = {
  name: 'NVIDIA H200',
  driver_version: '570.00',
  vram_total_mb: 143_771,
  vram_used_mb: 12,
  vram_free_mb: 143_759,
  utilization_gpu_pct: 0,
  utilization_mem_pct: null,
  unavailable: ['utilization_mem_pct'],
};

const challenger = (options: Partial<IdentityOptions> & { readonly ip?: string | null } = {}) =>
  createIdentityChallenger({
    key,
    chainId: 84_532,
    gpuStats: () => [gpu],
    publicIp: { read: async () => (options.ip === undefined ? '127.0.0.1' : options.ip) },
    clock: { nowMs: () => nowMs },
    ...options,
  });

const answerTo = async (
  payload: unknown,
  options?: Parameters<typeof challenger>[0],
): Promise<IdentityAnswer> => (await challenger(options).run(payload, context())) as IdentityAnswer;

/** Who signed the answer, as the network's Go verifier finds out. */
function signerOf({ ipAddress, signature }: IdentityAnswer): Promise<string> {
  const digest = keccak256(concat([hexToBytes(publicKey), stringToBytes(`.${ipAddress ?? ''}`)]));
  return recoverAddress({ hash: digest, signature: toHex(Buffer.from(signature, 'base64')) });
}

describe('IDENTITY', () => {
  it('answers what the Go node answers, to the byte', async () => {
    assert.equal(
      JSON.stringify(await answerTo(undefined)),
      JSON.stringify({
        gpuStats: [gpu],
        ipAddress: '127.0.0.1',
        publicKey: gatewayKey.checksumAddress,
        signature: Buffer.from(gatewayKey.identitySignatureHex, 'hex').toString('base64'),
      }),
    );
  });

  it('says null for GPUs and an address that it does not know, and signs nothing behind the dot', async () => {
    const answer = await answerTo(null, { gpuStats: () => null, ip: null });
    assert.deepEqual([answer.gpuStats, answer.ipAddress], [null, null]);
    assert.equal(await signerOf(answer), gatewayKey.checksumAddress);
  });

  it('is signed by the key that it names, whatever the address', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.ipV4(), fc.ipV6()), async (ip) => {
        const answer = await answerTo({}, { ip });
        assert.equal(answer.ipAddress, ip);
        assert.equal(await signerOf(answer), answer.publicKey);
        assert.ok([0, 1].includes(Buffer.from(answer.signature, 'base64')[64]!));
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  it('answers whatever payload a scheduler of the old protocol sends', async () => {
    for (const payload of [undefined, null, {}, '', 'x', 0, true, [], [1], { other: 1 }]) {
      const answer = await answerTo(payload);
      assert.deepEqual(Object.keys(answer), ['gpuStats', 'ipAddress', 'publicKey', 'signature']);
    }
  });

  it('with a nonce signs a statement that no earlier answer could hold', async () => {
    const answer = await answerTo({ nonce, more: 1 });
    const { signature, ...rest } = answer.identity!;
    assert.deepEqual(rest, {
      address: gatewayKey.checksumAddress,
      publicKey,
      nonce,
      timestamp: 1_750_000_000,
      chainId: 84_532,
    });
    assert.equal(publicKeyToAddress(publicKey), rest.address);
    const message = `fxn-identity/1\n${rest.address}\n84532\n${nonce}\n1750000000`;
    assert.equal(
      await verifyMessage({
        address: rest.address as `0x${string}`,
        message,
        signature: signature as `0x${string}`,
      }),
      true,
    );
    assert.match(signature, /^0x[0-9a-f]{128}(?:1b|1c)$/);
    assert.equal(await signerOf(answer), gatewayKey.checksumAddress);
  });

  it('signs and answers a nonce in upper case in lower case', async () => {
    const upper = await answerTo({ nonce: nonce.toUpperCase() });
    assert.deepEqual(upper.identity, (await answerTo({ nonce })).identity);
    assert.equal(upper.identity?.nonce, nonce);
  });

  it('refuses a nonce that is not 64 hex digits, and does not repeat it', async () => {
    for (const bad of [
      '',
      'ab',
      nonce.slice(1),
      `${nonce}0`,
      `0x${nonce}`,
      `${nonce.slice(2)}zz`,
      `${nonce}\n`,
      5,
      null,
      [],
      {},
    ]) {
      await assert.rejects(
        answerTo({ nonce: bad }),
        {
          code: 'invalid_payload',
          status: 400,
          message: 'The challenge payload is not valid: at /nonce expected 64 hex digits.',
        },
        JSON.stringify(bad),
      );
    }
  });
});
