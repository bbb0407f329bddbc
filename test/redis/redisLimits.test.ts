// needs: redis-server
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callerLimits } from '#src/lib/callerLimits.js';
import { systemClock } from '#src/lib/clock.js';
import { createRedisLimits } from '#src/redis/redisLimits.js';
import { storeKeys } from '#src/redis/storeKeys.js';
import { openStoreLink, type StoreLink } from '#src/redis/storeLink.js';
import { admitted, callerOf, describeLimitStore, enter, refused } from '#test/limits/limitStoreContract.js';
import { eventually } from '../support/bypassNode.js';
import { type RedisServer, startRedis } from '../support/redisServer.js';

const unobserved = () => () => undefined;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let identities = 0;

describe('limits in Redis', () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  const links: StoreLink[] = [];
  after(async () => {
    for (const link of links) link.close();
    await redis?.close();
  });

  const open = async (address: string): Promise<StoreLink> => {
    const link = openStoreLink({
      url: redis.url,
      keys: storeKeys(1, address),
      clock: systemClock,
      maxSkewS: 0,
      isFirstUse: false,
      report: () => undefined,
    });
    links.push(link);
    return link;
  };
  const untilUp = (link: StoreLink) => eventually(() => link.current !== undefined, Boolean);

  describeLimitStore(async (limits) => {
    const address = `0x${identities++}`;
    const own = [await open(address), await open(address)] as const;
    const stores = own.map((link) => createRedisLimits(link, limits, unobserved));
    await Promise.all(own.map(untilUp));
    return {
      fronts: [stores[0]!, stores[1]!],
      nowMs: () => performance.now(),
      advance: wait,
      async close() {
        for (const link of own) link.close();
      },
    };
  });

  it('does not know of limits while the store is away, and brings its open streams along when it is back', async () => {
    const limits = callerLimits({ requestsPerSecond: 0, concurrentStreams: 2, tokensPerMinute: 0 })!;
    const address = `0x${identities++}`;
    const link = await open(address);
    const other = await open(address);
    const [store, second] = [link, other].map((each) => createRedisLimits(each, limits, unobserved));
    await Promise.all([untilUp(link), untilUp(other)]);
    const [one] = [await admitted(store!, callerOf(1)), await admitted(store!, callerOf(1))];
    await redis.kill();
    assert.equal(await enter(store!, callerOf(1)), 'unavailable');
    one!.leave(0);
    await redis.start();
    await Promise.all([untilUp(link), untilUp(other)]);
    await admitted(second!, callerOf(1));
    assert.equal((await refused(second!, callerOf(1))).refusedBy, 'streams', 'one from before, one new');
  });

  it('forgets the streams of a holder that is not heard of any more', async () => {
    const limits = callerLimits({ requestsPerSecond: 0, concurrentStreams: 1, tokensPerMinute: 0 })!;
    const address = `0x${identities++}`;
    const keys = storeKeys(1, address);
    const link = await open(address);
    const store = createRedisLimits(link, limits, unobserved);
    await untilUp(link);
    const text = `0x${Buffer.from(callerOf(1).buffer).toString('hex')}`;
    await redis.command('HSET', keys.streams(text), 'alive', '1', 'dead', '1');
    await redis.command('ZADD', keys.holders, String(Date.now() + 60_000), 'alive');
    assert.equal((await refused(store, callerOf(1))).refusedBy, 'streams');
    await redis.command('ZREM', keys.holders, 'alive');
    await admitted(store, callerOf(1));
  });
});
