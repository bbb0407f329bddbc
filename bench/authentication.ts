/**
 * What authenticating one request costs on a front, in each scheme, without socket and HTTP parser; and beside it
 * in the same run the one step that dominates, a bare call of the native library's recovery. The figures are ratios to
 * it: of a whole request, and of what the scheme adds to a request that nobody has to sign (`addedRatio`).
 * `node dist/bench/authentication.js [--smoke]`; takes about 10 s, the smoke run one.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { bypassAuthentication } from '#src/auth/authenticate.js';
import type { SchemeName } from '#src/auth/signedClaim.js';
import {
  type AuthenticationStand,
  createAuthenticationStand,
  type RawRequest,
} from '#test/auth/authenticationStand.js';
import { genuineRequest } from '#test/auth/forgery.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';

const isSmoke = process.argv.includes('--smoke');
const batches = isSmoke ? 4 : 400;
/** Few, so that a round is over before the machine has turned to much else. */
const perBatch = 24;
const schemes: readonly SchemeName[] = ['legacy', 'rfc9421', 'session'];
const strangersEvery = 20;
const bare = 'bare native recovery';
const unsigned = 'nothing asked for';

const stand = createAuthenticationStand({ accounts: 64, capacity: 4 * batches * perBatch });
const open = createAuthenticationStand({ accounts: 64, layer: bypassAuthentication(() => undefined) });
const random = repeatableRandom(1);
const rounded = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** CPU time, so that what else runs on the machine counts little. */
const measure = (run: () => void): number => {
  const { user, system } = process.cpuUsage();
  run();
  const used = process.cpuUsage({ user, system });
  return (used.user + used.system) / perBatch;
};

function attemptAll(requests: readonly RawRequest[], by: AuthenticationStand): number {
  let accepted = 0;
  const us = measure(() => {
    for (const request of requests) if (by.attempt(request) === 'accepted') accepted++;
  });
  if (accepted !== perBatch) throw new Error(`${perBatch - accepted} requests were refused`);
  return us;
}

/** Texts of one piece, as a parser hands them over; those made here are still joined when they are first read. */
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
const asReceived = (request: RawRequest): RawRequest => ({
  ...request,
  path: flat(request.path),
  query: flat(request.query),
  headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, flat(value)])),
});

/** Requests are made before the clock runs; every nonce counts once. */
function authenticationUs(scheme: SchemeName, by = stand): number {
  const requests = Array.from({ length: perBatch }, () => asReceived(genuineRequest(scheme, random, stand)));
  return attemptAll(requests, by);
}

/** Each by an account that this stand has never seen. */
function strangersUs(): number {
  const strangers = createAuthenticationStand({ accounts: perBatch, capacity: 2 * perBatch });
  const requests = strangers.accounts.map((account) =>
    asReceived(genuineRequest('legacy', random, { ...strangers, accounts: [account] })),
  );
  return attemptAll(requests, strangers);
}

interface Library {
  ecdsaRecover(
    signature: Uint8Array,
    recoveryId: number,
    digest: Uint8Array,
    compressed: boolean,
    out: Uint8Array,
  ): Uint8Array;
}
const library = createRequire(import.meta.url)('secp256k1/bindings') as Library;
const out = new Uint8Array(65);

/** Each of another signature, as in requests: one that is recovered again takes less, its branches are foreseen. */
function recoveryUs({ accounts }: AuthenticationStand): number {
  const signed = Array.from({ length: perBatch }, () => {
    const digest = randomBytes(32);
    const signature = accounts[0]!.sign(digest);
    return { digest, signature: signature.subarray(0, 64), recoveryId: signature[64] as 0 | 1 };
  });
  return measure(() => {
    for (const { digest, signature, recoveryId } of signed)
      library.ecdsaRecover(signature, recoveryId, digest, false, out);
  });
}
// In turns, so that whatever else the machine does falls on all alike; the first rounds warm up. Ratios are made
// within a round.
interface Sample {
  readonly us: number;
  readonly ratio: number;
  readonly addedRatio: number;
}
const warmUp = isSmoke ? 1 : 40;
const samples = new Map<string, Sample[]>();
for (let batch = -warmUp; batch < batches; batch++) {
  const bareUs = recoveryUs(stand);
  const unsignedUs = authenticationUs('legacy', open);
  const round = [
    [bare, bareUs] as const,
    [unsigned, unsignedUs] as const,
    ...schemes.map((scheme) => [scheme, authenticationUs(scheme)] as const),
    // New accounts are costly to make.
    ...(batch % strangersEvery === 0 ? [['legacy, signers never seen before', strangersUs()] as const] : []),
  ];
  if (batch < 0) continue;
  for (const [name, us] of round) {
    const sample = { us, ratio: us / bareUs, addedRatio: (us - unsignedUs) / bareUs };
    samples.set(name, [...(samples.get(name) ?? []), sample]);
  }
}
for (const [name, values] of samples) {
  const middle = (of: keyof Sample): number => rounded(median(values.map((sample) => sample[of])));
  console.log(
    JSON.stringify({
      bench: 'authentication',
      case: name,
      command: `node dist/bench/authentication.js${isSmoke ? ' --smoke' : ''}`,
      requests: values.length * perBatch,
      cpuUs: middle('us'),
      ratioToRecovery: middle('ratio'),
      ...(name === bare || name === unsigned ? {} : { addedRatio: middle('addedRatio') }),
    }),
  );
}
