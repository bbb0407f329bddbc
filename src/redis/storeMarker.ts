/**
 * The marker: a key that says since when this very store has remembered every nonce. It holds the server's
 * `run_id` and a second by the server's clock, and it is lost together with the nonces. So whoever reads it sees
 * a restart, a fail-over to a replica that lagged behind, a restored backup and a `FLUSHALL` alike: the marker is
 * absent or names another run. It is then set anew, with the present second.
 *
 * A store without any marker has either lost everything or was never used. A node that never used a shared store
 * takes it for new and says so in the marker; whoever knew another marker does not believe that. Runs on the fronts
 * and in main.
 */
import { StoreFailure } from './storeFailure.js';

export interface StoreMarker {
  /** The key's value, to compare with. */
  readonly value: string;
  /** Unix second by the store's clock. */
  readonly sinceS: number;
  /** Set by a node that takes the store for new: nothing was served before with it. */
  readonly isFirst: boolean;
  /** The store's clock now. */
  readonly storeNowMs: number;
}

/**
 * KEYS: marker. ARGV: run id; the latest second that the asker ever found (a marker from before that one belongs to
 * a server that was away meanwhile, while others took the claims); and 1 when the asker never used a shared store.
 */
const script = `
local now = redis.call('TIME')
local value = redis.call('GET', KEYS[1])
if value then
  local run, since = string.match(value, '^(%w+) (%d+)')
  if run == ARGV[1] and tonumber(since) >= tonumber(ARGV[2]) then return {value, since, now[1], now[2]} end
end
local first = ''
if not value and ARGV[3] == '1' then first = ' first' end
value = ARGV[1] .. ' ' .. now[1] .. first
redis.call('SET', KEYS[1], value)
return {value, now[1], now[1], now[2]}`;

export function markerCommand(
  markerKey: string,
  runId: string,
  { latestSinceS, isFirstUse }: { readonly latestSinceS: number; readonly isFirstUse: boolean },
): string[] {
  return ['EVAL', script, '1', markerKey, runId, String(latestSinceS), isFirstUse ? '1' : '0'];
}

export function readMarker(reply: unknown): StoreMarker {
  const [value, since, seconds, microseconds] = Array.isArray(reply) ? reply.map(String) : [];
  const sinceS = Number(since);
  const storeNowMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  if (value === undefined || !Number.isSafeInteger(sinceS) || !Number.isFinite(storeNowMs)) {
    throw new StoreFailure('unknown', 'the marker could not be read');
  }
  return { value, sinceS, isFirst: value.endsWith(' first'), storeNowMs };
}
