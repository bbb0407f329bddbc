/**
 * What a claim of a nonce costs a front in each store: in shared memory, and in a Redis server on this machine, one
 * claim after the other and 64 at once. Latency, and CPU time of this process per claim; the server's own is not in
 * it. `node dist/bench/nonceStore.js [--smoke]`; takes about 5 s, and needs redis-server for the second half.
 */
import { nowSeconds, systemClock } from '#src/lib/clock.js';
import type { NonceClaim } from '#src/lib/nonceClaim.js';
import { createRedisNonces } from '#src/redis/redisNonces.js';
import { storeKeys } from '#src/redis/storeKeys.js';
import { firstSafeMark, openStoreLink } from '#src/redis/storeLink.js';
import { createReplayTable, ReplayTable } from '#src/shm/replayTable.js';
import { startRedis } from '#test/support/redisServer.js';

type ClaimOne = (claim: NonceClaim, done: (result: string) => void) => void;

const isSmoke = process.argv.includes('--smoke');
const claims = isSmoke ? 500 : 20_000;
const caller = Int32Array.of(1, 2, 3, 4, 5);
const lifeS = 61;

await bench();

async function bench(): Promise<void> {
  const table = new ReplayTable(createReplayTable({ capacity: 4 * claims, maxLifetimeS: lifeS + 31 }));
  const inMemory: ClaimOne = (claim, done) => done(table.claim(claim));
  await measure('memory', inMemory, 1);

  const redis = await startRedis().catch(() => undefined);
  if (redis === undefined) {
    console.error('redis-server is missing: only the store in memory was measured');
    return;
  }
  const keys = storeKeys(1, '0x0');
  const runId = /run_id:(\w+)/.exec(String(await redis.command('INFO', 'server')))?.[1];
  // As if the store had been there for long; else the first claims would be refused.
  await redis.command('SET', keys.marker, `${runId} 1`);
  const link = openStoreLink({
    url: redis.url,
    keys,
    clock: systemClock,
    maxSkewS: 30,
    isFirstUse: false,
    report: () => undefined,
  });
  while (link.current?.markS !== firstSafeMark(1, 30)) await new Promise((resolve) => setTimeout(resolve, 5));
  const nonces = createRedisNonces(link, 30, () => () => undefined);
  await measure('redis', (claim, done) => nonces.claim(claim, done), 1);
  await measure('redis', (claim, done) => nonces.claim(claim, done), 64);
  link.close();
  await redis.close();
}

/** Keeps `atOnce` claims under way; the first tenth is for the compiler and does not count. */
async function measure(store: string, claimOne: ClaimOne, atOnce: number): Promise<void> {
  const warmUp = claims / 10;
  const latenciesUs: number[] = [];
  let refused = 0;
  let cpu = process.cpuUsage();
  let startedAtMs = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < claims + warmUp) {
      const i = next++;
      if (i === warmUp) {
        cpu = process.cpuUsage();
        startedAtMs = performance.now();
      }
      const nowS = nowSeconds(systemClock);
      const nonce = `${store} ${atOnce} ${i}`;
      const askedAtMs = performance.now();
      const result = await new Promise<string>((resolve) =>
        claimOne({ caller, nonce, timestampS: nowS, expiresAtS: nowS + lifeS, nowS }, resolve),
      );
      if (i >= warmUp) latenciesUs.push((performance.now() - askedAtMs) * 1_000);
      if (result !== 'claimed') refused++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  latenciesUs.sort((a, b) => a - b);
  const percentile = (share: number): number => rounded(latenciesUs[Math.floor(share * (claims - 1))] ?? 0);
  const command = `node dist/bench/nonceStore.js${isSmoke ? ' --smoke' : ''}`;
  console.log(
    JSON.stringify({
      bench: 'nonceStore',
      case: `${store}, ${atOnce} at once`,
      command,
      claims,
      refused,
      medianUs: percentile(0.5),
      p99Us: percentile(0.99),
      cpuUsPerClaim: rounded((user + system) / claims),
      claimsPerSecond: Math.round(claims / seconds),
    }),
  );
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
