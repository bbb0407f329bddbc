/**
 * A million requests against the real authentication layer in this process: forged from genuine ones by changing
 * one thing that was signed, copied with nothing changed that was, and genuine ones between them. Counts what was
 * accepted, which must be every genuine request once and nothing else; ends with 1 otherwise.
 * `node dist/bench/forgery.js [--smoke]`; takes about two minutes, the smoke run a second.
 */
import { randomInt } from 'node:crypto';
import type { SchemeName } from '#src/auth/signedClaim.js';
import { createAuthenticationStand } from '#test/auth/authenticationStand.js';
import { copies, forgeries, genuineRequest } from '#test/auth/forgery.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';

const isSmoke = process.argv.includes('--smoke');
const total = isSmoke ? 6_000 : 1_000_000;
const schemes: readonly SchemeName[] = ['legacy', 'rfc9421', 'session'];
/** Of each genuine request: forged before it is used and after, and copied. */
const forgedBefore = 6;
const forgedAfter = 2;
const copied = 2;
const perGenuine = 1 + forgedBefore + forgedAfter + copied;
const rounds = Math.ceil(total / (schemes.length * perGenuine));

const seed = randomInt(2 ** 31);
const random = repeatableRandom(seed);
const stand = createAuthenticationStand({ accounts: 32, capacity: 32 * rounds });
let wrong = 0;

for (const scheme of schemes) {
  const sent = { genuine: 0, forged: 0, copied: 0 };
  const accepted = { genuine: 0, forged: 0, copied: 0 };
  const refusals: Record<string, number> = {};
  const forgers = Object.values(forgeries[scheme]);
  const copiers = Object.values(copies[scheme]);
  const attempt = (kind: keyof typeof sent, request: Parameters<typeof stand.attempt>[0]): void => {
    sent[kind]++;
    const outcome = stand.attempt(request);
    if (outcome === 'accepted') accepted[kind]++;
    else refusals[outcome] = (refusals[outcome] ?? 0) + 1;
  };
  let forger = 0;
  let copier = 0;
  const started = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++) {
    const genuine = genuineRequest(scheme, random, stand);
    const forge = (): void => {
      attempt('forged', forgers[forger++ % forgers.length]!(genuine, random, stand));
    };
    for (let i = 0; i < forgedBefore; i++) forge();
    attempt('genuine', genuine);
    for (let i = 0; i < copied; i++)
      attempt('copied', copiers[copier++ % copiers.length]!(genuine, random, stand));
    for (let i = 0; i < forgedAfter; i++) forge();
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const attempts = sent.genuine + sent.forged + sent.copied;
  wrong += accepted.forged + accepted.copied + (sent.genuine - accepted.genuine);
  console.log(
    JSON.stringify({
      bench: 'forgery',
      case: scheme,
      command: `node dist/bench/forgery.js${isSmoke ? ' --smoke' : ''}`,
      seed,
      attempts,
      forged: sent.forged,
      forgedAccepted: accepted.forged,
      copied: sent.copied,
      copiedAccepted: accepted.copied,
      genuine: sent.genuine,
      genuineAccepted: accepted.genuine,
      kindsOfForgery: forgers.length,
      refusals,
      seconds: Math.round(seconds * 10) / 10,
      perSecond: Math.round(attempts / seconds),
    }),
  );
}
if (wrong > 0) {
  console.error(`${wrong} requests were answered wrongly; seed ${seed}`);
  process.exitCode = 1;
}
