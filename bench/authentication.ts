/**
 * What authenticating one request costs on a front, in each scheme, without socket and HTTP parser; and beside it
 * in the same run the one step that dominates, a bare recovery by the native library. The figure is the ratio.
 * `node dist/bench/authentication.js [--smoke]`; takes about 20 s, the smoke run one.
 */
import { createHash } from 'node:crypto';
import type { SchemeName } from '#src/auth/signedClaim.js';
import {
  type AuthenticationStand,
  createAuthenticationStand,
  type RawRequest,
} from '#test/auth/authenticationStand.js';
import { genuineRequest } from '#test/auth/forgery.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';

const isSmoke = process.argv.includes('--smoke');
const batches = isSmoke ? 4 : 40;
const perBatch = isSmoke ? 50 : 500;
const schemes: readonly SchemeName[] = ['legacy', 'rfc9421', 'session'];

const stand = createAuthenticationStand({ accounts: 64, capacity: 64 * batches * perBatch });
const random = repeatableRandom(1);
const rounded = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

const measure = (run: () => void): number => {
  const started = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - started) / perBatch / 1_000;
};

/** Requests are made before the clock runs; every nonce counts once. */
function authenticationUs(scheme: SchemeName): number {
  const requests: RawRequest[] = [];
  while (requests.length < perBatch) requests.push(genuineRequest(scheme, random, stand));
  let accepted = 0;
  const us = measure(() => {
    for (const request of requests) if (stand.attempt(request) === 'accepted') accepted++;
  });
  if (accepted !== perBatch) throw new Error(`${perBatch - accepted} requests by ${scheme} were refused`);
  return us;
}

function recoveryUs({ recovery, accounts }: AuthenticationStand): number {
  const signed = Array.from({ length: perBatch }, (_, i) => {
    const digest = createHash('sha256').update(String(i)).digest();
    const signature = accounts[0]!.sign(digest);
    return { digest, signature: signature.subarray(0, 64), recoveryId: signature[64] as 0 | 1 };
  });
  let recovered = 0;
  const us = measure(() => {
    for (const each of signed) recovery.recover(each, (signer) => signer !== undefined && recovered++);
  });
  if (recovered !== perBatch) throw new Error('a recovery failed');
  return us;
}

// In turns, so that whatever else the machine does falls on all alike; the first round warms up.
const samples = new Map<string, number[]>();
const note = (name: string, us: number): void => void samples.set(name, [...(samples.get(name) ?? []), us]);
for (let batch = -1; batch < batches; batch++) {
  const round = [
    ['recovery', recoveryUs(stand)] as const,
    ...schemes.map((scheme) => [scheme, authenticationUs(scheme)] as const),
  ];
  if (batch >= 0) for (const [name, us] of round) note(name, us);
}
const bareUs = median(samples.get('recovery')!);
for (const [name, values] of samples) {
  console.log(
    JSON.stringify({
      bench: 'authentication',
      case: name === 'recovery' ? 'bare native recovery' : name,
      command: `node dist/bench/authentication.js${isSmoke ? ' --smoke' : ''}`,
      requests: values.length * perBatch,
      us: rounded(median(values)),
      ratioToRecovery: rounded(median(values) / bareUs),
    }),
  );
}
