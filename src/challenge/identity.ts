/**
 * IDENTITY: who this node is, signed with its key, with its address and its GPUs. The first four members are what the
 * network's Go node answers, its signature included, which could have been made at any time; a verifier that sends a
 * nonce gets a second one that could not. Runs in main.
 */
import * as Type from 'typebox';
import { addressedKeyDigest, signIdentityStatement } from '../auth/identityStatement.js';
import type { PublicIp } from '../egress/publicIp.js';
import type { NodeKey } from '../keys/nodeKey.js';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { GpuStat } from '../lib/gpuStat.js';
import { hexText } from '../lib/hexText.js';
import { type Challenger, defineChallenger } from './challenger.js';

export interface IdentityAnswer {
  /** `null` when they are not known, which is not the same as none. */
  readonly gpuStats: readonly GpuStat[] | null;
  readonly ipAddress: string | null;
  /** The EIP-55 address; the name is the network's. */
  readonly publicKey: string;
  /** Base64 of r ‖ s ‖ v, v 0 or 1. */
  readonly signature: string;
  readonly identity?: FreshIdentity;
}

export interface FreshIdentity {
  /** EIP-55. */
  readonly address: string;
  /** `0x04`, x and y in hex. */
  readonly publicKey: string;
  /** The verifier's, in lower case, as it was signed. */
  readonly nonce: string;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly chainId: number;
  /** EIP-191, hex, v 27 or 28. */
  readonly signature: string;
}

export interface IdentityOptions {
  readonly key: NodeKey;
  readonly chainId: number;
  /** As last sampled. */
  readonly gpuStats: () => readonly GpuStat[] | null;
  readonly publicIp: PublicIp;
  readonly clock: Clock;
}

/** Only the look-up of the address takes time, and that has a shorter deadline. */
const deadlineMs = 5_000;

/** The network's Go node ignores the payload, so schedulers may send anything. */
const payload = Type.Union([
  Type.Object({
    nonce: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: '64 hex digits' })),
  }),
  Type.Array(Type.Unknown()),
  Type.String(),
  Type.Number(),
  Type.Boolean(),
  Type.Null(),
]);

export function createIdentityChallenger(options: IdentityOptions): Challenger {
  const { key, gpuStats, publicIp } = options;
  return defineChallenger({
    type: 'IDENTITY',
    payload,
    deadlineMs,
    async run(sent): Promise<IdentityAnswer> {
      const ipAddress = await publicIp.read();
      const nonce = nonceIn(sent);
      return {
        gpuStats: gpuStats(),
        ipAddress,
        publicKey: key.checksumAddress,
        signature: Buffer.from(key.sign(addressedKeyDigest(key.publicKey, ipAddress))).toString('base64'),
        ...(nonce !== undefined && { identity: freshIdentity(nonce.toLowerCase(), options) }),
      };
    },
  });
}

const nonceIn = (sent: Type.Static<typeof payload>): string | undefined =>
  typeof sent === 'object' && sent !== null && 'nonce' in sent ? sent.nonce : undefined;

function freshIdentity(nonce: string, { key, chainId, clock }: IdentityOptions): FreshIdentity {
  const statement = { address: key.checksumAddress, chainId, nonce, timestamp: nowSeconds(clock) };
  return {
    address: statement.address,
    publicKey: hexText(key.publicKey),
    nonce,
    timestamp: statement.timestamp,
    chainId,
    signature: signIdentityStatement(statement, key.sign),
  };
}
