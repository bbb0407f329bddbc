// needs: redis-server
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { addressText } from '#src/lib/address.js';
import { nowSeconds, systemClock } from '#src/lib/clock.js';
import type { Session, SessionFindResult, SessionPutResult } from '#src/lib/session.js';
import { createRedisSessions, type RedisSessions } from '#src/redis/redisSessions.js';
import { openSealedSession, sealSession } from '#src/redis/sealedSession.js';
import { storeKeys } from '#src/redis/storeKeys.js';
import { openStoreLink, type StoreLink } from '#src/redis/storeLink.js';
import { propertyRuns } from '#test/runs.js';
import { eventually } from '../support/bypassNode.js';
import { type RedisServer, startRedis } from '../support/redisServer.js';

const newSession = (caller = 1, lifeS = 60): Session => ({
  id: randomBytes(16).toString('hex'),
  caller: addressText(new Uint8Array(20).fill(caller)),
  key: new Uint8Array(randomBytes(32)),
  expiresAtS: nowSeconds(systemClock) + lifeS,
});

describe('a sealed session', () => {
  const storeKey = randomBytes(32);

  it('opens as it was, for its own id and with its own key only', () => {
    const session = newSession();
    const sealed = sealSession(session, storeKey);
    assert.deepEqual(openSealedSession(sealed, session.id, storeKey), session);
    assert.equal(openSealedSession(sealed, newSession().id, storeKey), undefined);
    assert.equal(openSealedSession(sealed, session.id, randomBytes(32)), undefined);
    assert.notEqual(sealSession(session, storeKey), sealed, 'never the same twice');
  });

  it('opens no more once one bit of it is another, and shows nothing of the key', () => {
    const session = newSession();
    const sealed = Buffer.from(sealSession(session, storeKey), 'base64');
    assert.equal(sealed.includes(Buffer.from(session.key)), false);
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const changed = Buffer.from(sealed);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        assert.equal(openSealedSession(changed.toString('base64'), session.id, storeKey), undefined);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('is no other text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        assert.equal(openSealedSession(text, newSession().id, storeKey), undefined);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

describe('sessions in Redis', () => {
  let redis: RedisServer;
  const links: StoreLink[] = [];
  const storeKey = randomBytes(32);
  let identity = 0;
  let one: RedisSessions;
  let two: RedisSessions;

  const openNode = async (key: Uint8Array = storeKey): Promise<RedisSessions> => {
    const link = openStoreLink({
      url: redis.url,
      keys: storeKeys(1, `0x${identity}`),
      clock: systemClock,
      maxSkewS: 0,
      isFirstUse: false,
      report: () => undefined,
    });
    links.push(link);
    await eventually(() => link.current !== undefined, Boolean);
    return createRedisSessions({
      link,
      storeKey: key,
      perCaller: 2,
      clock: systemClock,
      observe: () => () => undefined,
    });
  };
  const put = (node: RedisSessions, session: Session): Promise<SessionPutResult> =>
    new Promise((resolve) => node.put(session, resolve));
  const find = (node: RedisSessions, id: string): Promise<SessionFindResult> =>
    new Promise((resolve) => node.find(id, resolve));

  before(async () => {
    redis = await startRedis();
  });
  beforeEach(async () => {
    identity++;
    [one, two] = [await openNode(), await openNode()];
  });
  after(async () => {
    for (const link of links) link.close();
    await redis?.close();
  });

  it('made at one node are known to the other', async () => {
    const session = newSession();
    assert.equal(await put(one, session), 'stored');
    assert.deepEqual(await find(two, session.id), session);
    assert.equal(await find(two, newSession().id), 'unknown');
  });

  it('of another identity cannot be read', async () => {
    const session = newSession();
    await put(one, session);
    assert.equal(await find(await openNode(randomBytes(32)), session.id), 'unknown');
  });

  it('are bounded for each caller over all nodes: the oldest gives way', async () => {
    const sessions = [newSession(1, 60), newSession(1, 61), newSession(1, 62)];
    const others = newSession(2);
    await put(one, others);
    for (const [i, session] of sessions.entries()) await put(i % 2 === 0 ? one : two, session);
    const third = await openNode();
    assert.equal(await find(third, sessions[0]!.id), 'unknown');
    assert.deepEqual(await find(third, sessions[1]!.id), sessions[1]);
    assert.deepEqual(await find(third, sessions[2]!.id), sessions[2]);
    assert.deepEqual(await find(third, others.id), others);
  });

  it('end with their second, in the store and where they are remembered', async () => {
    const session = newSession(1, 1);
    await put(one, session);
    assert.deepEqual(await find(one, session.id), session);
    await eventually(
      () => find(one, session.id),
      (found) => found === 'unknown',
    );
    await eventually(
      () => redis.command('EXISTS', storeKeys(1, `0x${identity}`).session(session.id)),
      (count) => Number(count) === 0,
    );
  });

  it('leave the store to others when many unknown ones are named', async () => {
    const found = await Promise.all(Array.from({ length: 300 }, () => find(one, newSession().id)));
    assert.equal(found.filter((each) => each === 'unknown').length, 128);
    assert.equal(found.filter((each) => each === 'unavailable').length, 172);
    assert.equal(await find(one, newSession().id), 'unknown');
  });

  it('are not made in a full store', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      assert.equal(await put(one, newSession()), 'full');
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });
});
