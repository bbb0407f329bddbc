// needs: redis-server
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { nowSeconds, systemClock } from '#src/lib/clock.js';
import type { ClaimResult } from '#src/lib/nonceClaim.js';
import { createRedisNonces, type RedisNonces } from '#src/redis/redisNonces.js';
import type { StoreFailure } from '#src/redis/storeFailure.js';
import { storeKeys } from '#src/redis/storeKeys.js';
import { clockToleranceS, firstSafeMark, openStoreLink, type StoreLink } from '#src/redis/storeLink.js';
import { eventually } from '../support/bypassNode.js';
import { type RedisServer, startRedis } from '../support/redisServer.js';

const caller = (n: number): Int32Array => Int32Array.of(n, 2, 3, 4, 5);
const keys = storeKeys(84_532, `0x${'ab'.repeat(20)}`);
const maxSkewS = 1;
const maxAgeS = 30;

describe('used nonces in Redis', () => {
  let redis: RedisServer;
  const links: StoreLink[] = [];

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis?.close());
  beforeEach(async () => {
    await redis.command('FLUSHALL');
    await rememberSince(1);
  });
  afterEach(() => {
    for (const link of links.splice(0)) link.close();
  });

  /** As if this store had remembered everything since then. */
  const rememberSince = async (sinceS: number): Promise<void> => {
    const runId = /run_id:(\w+)/.exec(String(await redis.command('INFO', 'server')))![1]!;
    await redis.command('SET', keys.marker, `${runId} ${sinceS}`);
  };

  interface Front {
    readonly nonces: RedisNonces;
    readonly link: StoreLink;
    readonly failures: StoreFailure[];
  }

  const openFront = ({ clock = systemClock, isFirstUse = false } = {}): Front => {
    const failures: StoreFailure[] = [];
    const link = openStoreLink({
      url: redis.url,
      keys,
      clock,
      maxSkewS,
      isFirstUse,
      report: (failure) => void (failure && failures.push(failure)),
    });
    links.push(link);
    return { link, failures, nonces: createRedisNonces(link, maxSkewS, () => () => undefined) };
  };
  const untilUp = async (front: Front): Promise<Front> => {
    await eventually(() => front.link.current !== undefined, Boolean);
    return front;
  };
  const readyFront = (): Promise<Front> => untilUp(openFront());

  interface Claimed {
    readonly result: ClaimResult;
    readonly retryAfterS: number | undefined;
  }
  const ask = (front: Front, nonce: string, dated = 0, by = caller(1)): Promise<Claimed> =>
    new Promise((resolve) => {
      const nowS = nowSeconds(systemClock);
      const timestampS = nowS + dated;
      const expiresAtS = timestampS + maxAgeS + 1;
      front.nonces.claim({ caller: by, nonce, timestampS, expiresAtS, nowS }, (result, retryAfterS) =>
        resolve({ result, retryAfterS }),
      );
    });
  const claim = async (front: Front, nonce: string, dated = 0): Promise<ClaimResult> =>
    (await ask(front, nonce, dated)).result;

  it('are claimed once, however many fronts ask at once', async () => {
    const fronts = await Promise.all([readyFront(), readyFront(), readyFront()]);
    for (let round = 0; round < 20; round++) {
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, i) => claim(fronts[i % 3]!, `round ${round}`)),
      );
      assert.equal(results.filter((result) => result === 'claimed').length, 1);
      assert.equal(results.filter((result) => result === 'replayed').length, 29);
    }
  });

  it('cannot be claimed by a clock that was set forward or back since the store was compared with it', async () => {
    for (const stepS of [maxAgeS - 5, -(maxAgeS + 10)]) {
      const front = await readyFront();
      const nowS = nowSeconds(systemClock);
      // Forward: signed just now, and forgotten while the other nodes still take it. Back: too old for all others,
      // who have forgotten it.
      const timestampS = stepS > 0 ? nowS : nowS + stepS;
      const expiresAtS = timestampS + maxAgeS + 1;
      const request = { caller: caller(1), nonce: `stepped by ${stepS}`, timestampS, expiresAtS };
      const result = await new Promise<ClaimResult>((resolve) => {
        front.nonces.claim({ ...request, nowS: nowS + stepS }, resolve);
      });
      assert.equal(result, 'unavailable');
      const failure = await eventually(() => front.failures[0], Boolean);
      assert.equal(failure?.kind, 'clock');
      await untilUp(front);
      assert.equal(await claim(front, `later ${stepS}`), 'claimed');
    }
  });

  it('belong to their caller', async () => {
    const front = await readyFront();
    assert.equal((await ask(front, 'n', 0, caller(1))).result, 'claimed');
    assert.equal((await ask(front, 'n', 0, caller(2))).result, 'claimed');
    assert.equal((await ask(front, 'n', 0, caller(1))).result, 'replayed');
  });

  it('are kept until no node can accept the request any more', async () => {
    const front = await readyFront();
    await claim(front, 'n', 1);
    const [key] = (await redis.command('KEYS', '*:n:*')) as string[];
    const lifeMs = Number(await redis.command('PTTL', key!));
    // Dated one second ahead; a node whose clock is behind by twice what a claim may be off is still served.
    assert.ok(lifeMs > (1 + maxAgeS + 2 * (clockToleranceS + 1)) * 1_000, String(lifeMs));
    assert.ok(lifeMs <= (1 + maxAgeS + 1 + 2 * (clockToleranceS + 1) + 1) * 1_000, String(lifeMs));
  });

  it('cannot be claimed before a store was found that can be relied on', async () => {
    const front = openFront();
    assert.equal(await claim(front, 'n'), 'unavailable');
    await untilUp(front);
    assert.equal(await claim(front, 'n'), 'claimed');
  });

  it('cannot be claimed in an empty store before its first safe second, and only for later requests then', async () => {
    await redis.command('DEL', keys.marker);
    const front = await readyFront();
    const sinceS = Number(String(await redis.command('GET', keys.marker)).split(' ')[1]);
    const markS = firstSafeMark(sinceS, maxSkewS);
    assert.ok(markS >= sinceS + clockToleranceS + maxSkewS);
    const early = await ask(front, 'early', 1);
    assert.equal(early.result, 'unavailable');
    assert.ok(early.retryAfterS! > 1 && early.retryAfterS! <= markS - sinceS + 1, String(early.retryAfterS));
    await new Promise((resolve) => setTimeout(resolve, (markS + 1) * 1_000 - Date.now() + 10));
    assert.equal(await claim(front, 'dated before', markS - nowSeconds(systemClock)), 'expired');
    assert.equal(await claim(front, 'dated after'), 'claimed');
  });

  it('can be claimed at once in a store that is used for the first time, by all who never used one', async () => {
    await redis.command('DEL', keys.marker);
    const isFirstUse = true;
    const fronts = [await untilUp(openFront({ isFirstUse })), await untilUp(openFront({ isFirstUse }))];
    const { markS } = fronts[0]!.link.current!;
    assert.equal(fronts[1]!.link.current!.markS, markS);
    await new Promise((resolve) => setTimeout(resolve, (markS + 1) * 1_000 - Date.now() + 10));
    assert.equal(await claim(fronts[0]!, 'dated before', markS - nowSeconds(systemClock)), 'expired');
    assert.equal(await claim(fronts[0]!, 'n'), 'claimed');
    assert.equal(await claim(fronts[1]!, 'n'), 'replayed');

    // Who used a store before takes an unmarked one for one that has forgotten.
    const veteran = await readyFront();
    assert.equal(veteran.link.current!.markS, firstSafeMark(markS, maxSkewS));

    // And nobody takes a store for new that was emptied under them.
    await redis.command('FLUSHALL');
    assert.equal(await claim(fronts[0]!, 'm'), 'unavailable');
    await untilUp(fronts[0]!);
    assert.ok((await ask(fronts[0]!, 'm')).retryAfterS! > 1);
    const stranger = await untilUp(openFront({ isFirstUse }));
    assert.ok(stranger.link.current!.markS > nowSeconds(systemClock));
  });

  it('cannot be claimed after somebody emptied the store', async () => {
    const front = await readyFront();
    assert.equal(await claim(front, 'n'), 'claimed');
    await redis.command('FLUSHALL');
    assert.equal(await claim(front, 'n'), 'unavailable');
    await untilUp(front);
    const again = await ask(front, 'n');
    assert.equal(again.result, 'unavailable');
    assert.ok(again.retryAfterS! > 1);
  });

  it('cannot be claimed in a store that was away while another took the claims', async () => {
    const front = await readyFront();
    // As a fail-over and back: the marker of a later time is known, and then the earlier one is there again.
    await rememberSince(1_000);
    await eventually(() => front.link.current?.markS === firstSafeMark(1_000, maxSkewS), Boolean);
    await rememberSince(1);
    assert.equal(await claim(front, 'n'), 'unavailable');
    await eventually(() => (front.link.current?.markS ?? 0) > nowSeconds(systemClock), Boolean);
  });

  it('are refused within the deadline when the store hangs, and accepted again when it goes on', async () => {
    const front = await readyFront();
    redis.signal('SIGSTOP');
    try {
      assert.equal(await claim(front, 'hung'), 'unavailable');
      assert.equal(await claim(front, 'at once'), 'unavailable');
      assert.equal(front.link.failure?.kind, 'timeout');
    } finally {
      redis.signal('SIGCONT');
    }
    await untilUp(front);
    assert.equal(await claim(front, 'fresh'), 'claimed');
    // The command had arrived; its late answer counted for nothing, and the nonce is spent.
    assert.equal(await claim(front, 'hung'), 'replayed');
  });

  it('are refused when too many wait for an answer', async () => {
    const front = await readyFront();
    const results = await Promise.all(Array.from({ length: 700 }, (_, i) => claim(front, `many ${i}`)));
    assert.deepEqual(
      [...new Set(results)].sort(),
      ['claimed', 'unavailable'],
      'three commands each, 1,536 at once',
    );
    assert.equal(await claim(front, 'afterwards'), 'claimed');
  });

  it('find a full store full', async () => {
    const front = await readyFront();
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      assert.equal(await claim(front, 'n'), 'full');
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    assert.equal(await claim(front, 'n'), 'claimed');
  });

  it('are claimed where a user, a password and a database are asked for', async () => {
    await redis.command('ACL', 'SETUSER', 'node', 'on', '>p@ss/word', '~fxn:*', '+@all', '-@admin');
    const host = `127.0.0.1:${redis.port}`;
    const failures: StoreFailure[] = [];
    const open = (url: string): StoreLink => {
      const report = (failure: StoreFailure | undefined): void => void (failure && failures.push(failure));
      const link = openStoreLink({ url, keys, clock: systemClock, maxSkewS, isFirstUse: false, report });
      links.push(link);
      return link;
    };
    const link = open(`redis://node:p%40ss%2Fword@${host}/3`);
    await eventually(() => link.current !== undefined, Boolean);
    assert.match(String(await redis.command('INFO', 'keyspace')), /db3:keys=1/);
    open(`redis://node:secret@${host}/3`);
    await eventually(() => failures.length, Boolean);
    assert.equal(failures[0]!.kind, 'connect');
    assert.match(failures[0]!.message, /WRONGPASS/);
    assert.doesNotMatch(failures[0]!.message, /secret/);
  });

  it('are not entrusted to a store that would forget them, that follows another or whose clock is off', async () => {
    const expectKind = async (kind: string, front = openFront()): Promise<void> => {
      const failure = await eventually(
        () => front.failures.find((each) => each.kind === kind),
        (found) => found !== undefined,
      );
      assert.ok(failure?.remedy !== undefined);
      assert.equal(await claim(front, 'n'), 'unavailable');
    };
    const running = await readyFront();
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await expectKind('policy');
    await expectKind('policy', running);
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await untilUp(running);

    await expectKind(
      'clock',
      openFront({ clock: { nowMs: () => Date.now() + (clockToleranceS + 3) * 1_000 } }),
    );
    await expectKind(
      'clock',
      openFront({ clock: { nowMs: () => Date.now() - (clockToleranceS + 3) * 1_000 } }),
    );

    await redis.command('REPLICAOF', '127.0.0.1', '9');
    await expectKind('replica');
    assert.equal(await claim(running, 'n'), 'unavailable');
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await untilUp(running);
  });
});
