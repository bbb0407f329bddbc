/**
 * Session keys in Redis or Valkey, so that a session made at one node is known to all: what
 * `auth/sessionStore.ts` asks for. What was found is remembered here for a while, because each request of a
 * session would otherwise cost a round trip; a session that gives way to its caller's newer ones is therefore
 * known for that long yet. Whether its caller may call at all is asked with every request, elsewhere. Runs on the
 * fronts.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, nowSeconds } from '../lib/clock.js';
import type { Session, SessionFindResult, SessionPutResult } from '../lib/session.js';
import { openSealedSession, sealSession } from './sealedSession.js';
import type { StoreLink } from './storeLink.js';
import type { ObserveStore } from './storeObserver.js';

export interface RedisSessions {
  put(session: Session, done: (result: SessionPutResult) => void): void;
  find(id: string, done: (found: SessionFindResult) => void): void;
}

export interface RedisSessionsOptions {
  readonly link: StoreLink;
  /** 32 bytes, the same on all nodes of this identity. */
  readonly storeKey: Uint8Array;
  /** Sessions that one caller may hold, over all nodes. */
  readonly perCaller: number;
  readonly clock: Clock;
  readonly observe: ObserveStore;
}

/** A session's entry here is some 300 bytes. */
const rememberedSessions = 4_096;
const rememberedMs = 30_000;
/**
 * Anybody may name a session that there is not. So few may be looked up at once that the store is left for
 * requests whose signature was checked.
 */
const maxLookups = 128;

/**
 * KEYS: session, sessions of the caller. ARGV: sealed session, its life in ms, how many a caller may hold, id,
 * prefix of session keys. The oldest give way.
 */
const putScript = `
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1e3 + math.floor(tonumber(time[2]) / 1e3)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', nowMs))
redis.call('ZADD', KEYS[2], string.format('%.0f', nowMs + tonumber(ARGV[2])), ARGV[4])
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) do redis.call('DEL', ARGV[5] .. id) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, surplus - 1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1`;

export function createRedisSessions(options: RedisSessionsOptions): RedisSessions {
  const { link, storeKey, perCaller, clock, observe } = options;
  const { keys } = link;
  const remembered = new LRUCache<string, Session>({ max: rememberedSessions, ttl: rememberedMs });
  let lookups = 0;

  return {
    put(session, done) {
      const connection = link.current?.connection;
      const lifeS = session.expiresAtS - nowSeconds(clock);
      if (connection === undefined) {
        done('unavailable');
        return;
      }
      const finish = observe('session');
      const values = [sealSession(session, storeKey), String(Math.max(1, lifeS) * 1_000), String(perCaller)];
      const owner = keys.sessionsOf(session.caller);
      const names = ['2', keys.session(session.id), owner];
      connection.send(
        ['EVAL', putScript, ...names, ...values, session.id, keys.session('')],
        (_reply, failure) => {
          finish(failure);
          if (failure === undefined) {
            remembered.set(session.id, session);
            done('stored');
            return;
          }
          // A script is refused as a whole where a full store would have to write.
          const isFull = failure.kind === 'reply' && failure.message.includes('OOM');
          done(isFull ? 'full' : 'unavailable');
        },
      );
    },

    find(id, done) {
      const known = remembered.get(id);
      if (known !== undefined && known.expiresAtS > nowSeconds(clock)) {
        done(known);
        return;
      }
      const connection = link.current?.connection;
      if (connection === undefined || lookups >= maxLookups) {
        done('unavailable');
        return;
      }
      lookups++;
      const finish = observe('session');
      connection.send(['GET', keys.session(id)], (reply, failure) => {
        lookups--;
        finish(failure);
        if (failure !== undefined) {
          done('unavailable');
          return;
        }
        const found = typeof reply === 'string' ? openSealedSession(reply, id, storeKey) : undefined;
        if (found === undefined || found.expiresAtS <= nowSeconds(clock)) {
          done('unknown');
          return;
        }
        remembered.set(id, found);
        done(found);
      });
    },
  };
}
