/**
 * What callers have used, in Redis or Valkey, exact over several nodes: what `limits/limitStore.ts` asks for. One
 * round trip lets a request in or refuses it; one more, which nobody waits for, tells its end.
 *
 * A connection is one holder of streams. When it is lost, nobody knows which of the last commands arrived, so the
 * next connection is a new holder that begins with the streams that are really open; the old one's count ends with
 * its lease. Tokens of requests that end while the store is away are not counted. Runs on the fronts.
 */
import { randomBytes } from 'node:crypto';
import { type AddressText, addressText } from '../lib/address.js';
import { type CallerLimits, type LimitVerdict, refusalOf } from '../lib/callerLimits.js';
import { adoptScript, enterScript, leaveScript, renewScript, type StoreScript } from './limitScripts.js';
import type { StoreConnection, StoreReply } from './storeConnection.js';
import { StoreFailure } from './storeFailure.js';
import type { StoreLink, VerifiedStore } from './storeLink.js';
import type { ObserveStore } from './storeObserver.js';

export interface RedisLimits {
  enter(caller: Int32Array, done: (verdict: LimitVerdict) => void): void;
}

export function createRedisLimits(link: StoreLink, limits: CallerLimits, observe: ObserveStore): RedisLimits {
  const { keys } = link;
  const { requests, tokens, maxStreams } = limits;
  const enterArguments = [
    String(requests?.costNs ?? 0),
    String(requests?.burst ?? 0),
    String(maxStreams),
    String(tokens?.costNs ?? 0),
    String(tokens?.burst ?? 0),
  ];
  const tokenCost = String(tokens?.costNs ?? 0);
  const countsStreams = maxStreams > 0;
  /** Open requests of this front by caller, whatever the store believes. */
  const open = new Map<AddressText, number>();
  let holder = '';
  let holderOf: StoreConnection | undefined;

  link.onConnect(({ connection }) => {
    holder = randomBytes(12).toString('base64url');
    holderOf = connection;
    if (!countsStreams) return;
    // Sent before any request on this connection, so that nobody takes the holder for dead.
    runText(connection, renewScript, [keys.holders], [holder], ignored);
    for (const [caller, count] of open) {
      runText(connection, adoptScript, [keys.streams(caller)], [holder, String(count)], ignored);
    }
  });
  link.onWatch(({ connection }) => {
    if (countsStreams && connection === holderOf) {
      run(connection, renewScript, [keys.holders], [holder], ignored);
    }
  });

  const leave = (caller: AddressText, usedTokens: number): void => {
    const count = (open.get(caller) ?? 1) - 1;
    if (count > 0) open.set(caller, count);
    else open.delete(caller);
    const charge = tokens === undefined ? 0 : usedTokens;
    const connection = link.current?.connection;
    // Without a connection there is nothing to correct: the next holder begins with what is open then.
    if (connection === undefined || (!countsStreams && charge === 0)) return;
    const finish = observe('leave');
    run(
      connection,
      leaveScript,
      [keys.buckets(caller), keys.streams(caller)],
      [holder, countsStreams ? '1' : '0', String(charge), tokenCost],
      (_reply, failure) => finish(failure),
    );
  };

  const enterAt = (
    { connection }: VerifiedStore,
    caller: AddressText,
    done: (verdict: LimitVerdict) => void,
  ): void => {
    const finish = observe('enter');
    const keysOfCaller = [keys.buckets(caller), keys.streams(caller), keys.holders];
    run(connection, enterScript, keysOfCaller, [holder, ...enterArguments], (reply, failure) => {
      const verdict = failure === undefined ? readVerdict(reply) : failure;
      finish(verdict instanceof StoreFailure ? verdict : undefined);
      if (verdict instanceof StoreFailure) {
        done('unavailable');
        return;
      }
      const { isAdmitted, openBefore, levels } = verdict;
      if (isAdmitted) {
        open.set(caller, (open.get(caller) ?? 0) + 1);
        done({ isAdmitted: true, levels, leave: (usedTokens) => leave(caller, usedTokens) });
        return;
      }
      // The script decided; this finds the words for it. Rounding may find none.
      const refusedBy = 'requests';
      done(
        refusalOf(limits, levels, openBefore) ?? { isAdmitted: false, levels, refusedBy, retryAfterMs: 1 },
      );
    });
  };

  return {
    enter(caller, done) {
      const store = link.current;
      if (store === undefined) {
        done('unavailable');
        return;
      }
      const bytes = new Uint8Array(caller.buffer, caller.byteOffset, caller.byteLength);
      enterAt(store, addressText(bytes), done);
    },
  };
}

/** A renewal that is lost ends the connection, and with it the holder. */
const ignored: StoreReply = () => undefined;

/** With its text, so that it certainly runs before what is sent next. */
function runText(
  connection: StoreConnection,
  { text }: StoreScript,
  keys: readonly string[],
  values: readonly string[],
  done: StoreReply,
): void {
  connection.send(['EVAL', text, String(keys.length), ...keys, ...values], done);
}

/** By its name; with its text where the server does not know it, once after each of the server's starts. */
function run(
  connection: StoreConnection,
  script: StoreScript,
  keys: readonly string[],
  values: readonly string[],
  done: StoreReply,
): void {
  const { sha1 } = script;
  connection.send(['EVALSHA', sha1, String(keys.length), ...keys, ...values], (reply, failure) => {
    const isUnknown = failure?.kind === 'reply' && failure.message.startsWith('NOSCRIPT');
    if (isUnknown) runText(connection, script, keys, values, done);
    else done(reply, failure);
  });
}

function readVerdict(reply: unknown) {
  const numbers = Array.isArray(reply) ? reply.map(Number) : [];
  const [admitted, openBefore = 0, requestsMissingNs = 0, tokensMissingNs = 0] = numbers;
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) {
    return new StoreFailure('reply', 'the answer about a limit could not be read');
  }
  return { isAdmitted: admitted === 1, openBefore, levels: { requestsMissingNs, tokensMissingNs } };
}
