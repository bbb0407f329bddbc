/**
 * The limits of a caller as scripts, so that one round trip decides for all nodes at once. The arithmetic is that
 * of `lib/bucketRate.ts`, by the store's clock. Runs in Redis or Valkey.
 *
 *   buckets   hash: `b` the second that its times count from, `r` and `k` when the buckets of requests and tokens
 *             will be full again, in ns after `b` (so that numbers stay exact); gone once both are full
 *   streams   hash: how many requests each holder has open
 *   holders   sorted set: until when each holder's streams count, in ms; renewed by the holder, so that those of
 *             a node that died vanish
 */
import { createHash } from 'node:crypto';

export interface StoreScript {
  readonly text: string;
  /** What the server knows it by. */
  readonly sha1: string;
}

const script = (text: string): StoreScript => ({
  text,
  sha1: createHash('sha1').update(text).digest('hex'),
});

/** A holder that is not heard of for this long has died. */
export const leaseMs = 10_000;
/** Longer than any request lasts; removes what a dead holder left with a caller who never came back. */
const keepMs = 7 * 24 * 3_600 * 1_000;

const readBuckets = `
local time = redis.call('TIME')
local row = redis.call('HMGET', KEYS[1], 'b', 'r', 'k')
local base = tonumber(row[1]) or tonumber(time[1])
local now = (tonumber(time[1]) - base) * 1e9 + tonumber(time[2]) * 1e3
local function missing(fullAt)
  return math.max(0, (tonumber(fullAt) or 0) - now)
end
local requests, tokens = missing(row[2]), missing(row[3])
local function store()
  redis.call('HSET', KEYS[1], 'b', string.format('%.0f', base),
    'r', string.format('%.0f', now + requests), 'k', string.format('%.0f', now + tokens))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(math.max(requests, tokens) / 1e6) + 1000))
end
`;

/**
 * KEYS: buckets, streams, holders. ARGV: holder, cost of a request in ns, requests in a full bucket (0 = no limit),
 * streams (0 = no limit), cost of a token in ns, tokens in a full bucket (0 = no limit).
 * Answers: 1 when admitted, open streams before, ns missing of requests and of tokens (after, when admitted).
 */
export const enterScript = script(`${readBuckets}
local cost, burst, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tokenCost, tokenBurst = tonumber(ARGV[5]), tonumber(ARGV[6])
local open = 0
if most > 0 then
  local nowMs = tonumber(time[1]) * 1e3 + math.floor(tonumber(time[2]) / 1e3)
  local held = redis.call('HGETALL', KEYS[2])
  for i = 1, #held, 2 do
    local lease = held[i] == ARGV[1] and nowMs + 1 or tonumber(redis.call('ZSCORE', KEYS[3], held[i]) or 0)
    if lease > nowMs then open = open + tonumber(held[i + 1]) else redis.call('HDEL', KEYS[2], held[i]) end
  end
end
local admitted = 1
if most > 0 and open >= most then admitted = 0 end
if burst > 0 and requests + cost > burst * cost then admitted = 0 end
if tokenBurst > 0 and tokens + tokenCost > tokenBurst * tokenCost then admitted = 0 end
if admitted == 1 then
  if burst > 0 then
    requests = requests + cost
    store()
  end
  if most > 0 then
    redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
    redis.call('PEXPIRE', KEYS[2], ${keepMs})
  end
end
return {admitted, open, requests, tokens}`);

/** KEYS: buckets, streams. ARGV: holder, whether streams are counted, tokens used, cost of a token in ns. */
export const leaveScript = script(`
if ARGV[2] == '1' then
  local open = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
  if open > 1 then redis.call('HINCRBY', KEYS[2], ARGV[1], -1) else redis.call('HDEL', KEYS[2], ARGV[1]) end
end
local used = tonumber(ARGV[3])
if used > 0 then
  ${readBuckets.trim()}
  tokens = tokens + math.ceil(used * tonumber(ARGV[4]))
  store()
end
return 1`);

/** KEYS: holders. ARGV: holder. Renews its lease, and forgets holders whose lease has ended. */
export const renewScript = script(`
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1e3 + math.floor(tonumber(time[2]) / 1e3)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', nowMs))
redis.call('ZADD', KEYS[1], string.format('%.0f', nowMs + ${leaseMs}), ARGV[1])
return 1`);

/**
 * KEYS: streams. ARGV: holder, how many. A holder that begins anew on another connection brings its streams along.
 */
export const adoptScript = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ${keepMs})
return 1`);
