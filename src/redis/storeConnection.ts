/**
 * One connection to Redis or Valkey: commands go out pipelined, each has a deadline, and few may be under way. It
 * never reconnects and keeps nothing for later: behind a new connection may stand another server, or an empty
 * one, so whoever wants one opens it and looks at it first (`storeLink.ts`).
 *
 * A command that is not answered in time ends the connection. So a late answer cannot count, the memory of all
 * that waits is free at once, and while the store hangs the next requests are refused without waiting. Runs on
 * the fronts and in main. This file brings the client library along, so it is loaded by who needs a connection only.
 */
import { createClient, ErrorReply } from '@redis/client';
import { StoreFailure } from './storeFailure.js';

/** What the store answered; `failure` is set when it did not, and `reply` means nothing then. */
export type StoreReply = (reply: unknown, failure: StoreFailure | undefined) => void;

export interface StoreConnection {
  /** Why the connection has ended; `undefined` while it is open. */
  readonly failure: StoreFailure | undefined;
  /** Answers come in the order of the commands; each call is answered exactly once, never in the same tick. */
  send(command: readonly string[], done: StoreReply): void;
  end(reason: StoreFailure): void;
}

export interface StoreConnectionOptions {
  /** `redis[s]://[[user][:password]@]host[:port][/database]`. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Commands that may wait for their answer; more are refused. */
  readonly maxPending: number;
  /** Called once, when the connection ends in whatever way. */
  readonly onEnd: () => void;
}

/** @throws StoreFailure `connect` */
export async function openStoreConnection(options: StoreConnectionOptions): Promise<StoreConnection> {
  const { url, connectTimeoutMs, commandTimeoutMs, maxPending, onEnd } = options;
  const client = createClient({
    url,
    // Every server there is speaks the second version of the protocol.
    RESP: 2,
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // The library would make an AbortSignal per command; the timer below does, and ends the connection.
    commandOptions: { timeout: 0 },
  });
  let failure: StoreFailure | undefined;
  const end = (reason: StoreFailure): void => {
    if (failure !== undefined) return;
    failure = reason;
    // Rejects all that waits.
    client.destroy();
    onEnd();
  };
  client.on('error', (cause: Error) => end(connectFailure(cause)));
  client.on('end', () => end(new StoreFailure('connect', 'the connection was closed')));

  // The library's own deadline covers the TCP or TLS handshake, not the log-in that follows.
  const timer = setTimeout(
    () => end(new StoreFailure('connect', 'no connection within the deadline')),
    connectTimeoutMs * 2,
  );
  try {
    await client.connect();
  } catch (cause) {
    end(connectFailure(cause));
  } finally {
    clearTimeout(timer);
  }
  if (failure !== undefined) throw failure;

  let pending = 0;
  const toFailure = (cause: unknown): StoreFailure => {
    if (cause instanceof ErrorReply) return new StoreFailure('reply', cause.message, { cause });
    return failure ?? connectFailure(cause);
  };

  return {
    get failure() {
      return failure;
    },
    end,
    send(command, done) {
      if (failure !== undefined || pending >= maxPending) {
        const refusal = failure ?? new StoreFailure('overload', `${maxPending} commands wait for an answer`);
        queueMicrotask(() => done(undefined, refusal));
        return;
      }
      pending++;
      let isWaiting = true;
      // After one more look at the socket: this thread itself may have been busy while the answer arrived.
      const deadline = setTimeout(
        () => setImmediate(() => isWaiting && end(new StoreFailure('timeout', 'no answer in time'))),
        commandTimeoutMs,
      );
      const settle = (): void => {
        isWaiting = false;
        pending--;
        clearTimeout(deadline);
      };
      client.sendCommand(command as string[]).then(
        (reply) => {
          settle();
          // The answer may have been read and not delivered yet when the connection was given up.
          done(reply, failure);
        },
        (cause: unknown) => {
          settle();
          done(undefined, toFailure(cause));
        },
      );
    },
  };
}

/** The library's messages name hosts at most, never the password. */
function connectFailure(cause: unknown): StoreFailure {
  return new StoreFailure('connect', cause instanceof Error ? cause.message : 'no connection', { cause });
}
