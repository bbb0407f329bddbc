/**
 * Typed calls between two threads over one message port: a table of methods on each side, one reply per call,
 * every call with a deadline. Errors cross as `NodeErrorData`. Runs in main, fronts and the registry thread.
 */
import type { MessagePort } from 'node:worker_threads';
import type { NodeErrorData } from '../errors/nodeError.js';
import { NodeError, toNodeError } from '../errors/nodeError.js';

/** The methods one side offers: name → one structured-clonable argument → result or promise of it. */
// biome-ignore lint/suspicious/noExplicitAny: a method table is contravariant in its argument; `never` would refuse every call.
export type MethodTable = Record<string, (argument: any) => unknown>;

type CallMessage = { readonly call: number; readonly method: string; readonly argument: unknown };
type ReplyMessage =
  | { readonly reply: number; readonly value: unknown }
  | { readonly reply: number; readonly error: NodeErrorData };

/** What a `MessagePort` and a `Worker` have in common. */
export type CallPort = Pick<MessagePort, 'postMessage'> & {
  on(event: 'message', listener: (message: unknown) => void): unknown;
};

export interface ThreadCalls<Remote extends MethodTable> {
  /** Calls the other side; rejects with `internal_error` after `timeoutMs` or when the port was closed. */
  call<Name extends keyof Remote & string>(
    method: Name,
    argument: Parameters<Remote[Name]>[0],
    timeoutMs?: number,
  ): Promise<Awaited<ReturnType<Remote[Name]>>>;
  /** Rejects every open call; the port itself belongs to the caller. */
  close(reason: string): void;
}

const defaultTimeoutMs = 5_000;

export function connectThread<Remote extends MethodTable, Local extends MethodTable>(
  port: CallPort,
  local: Local,
): ThreadCalls<Remote> {
  const open = new Map<number, { settle: (reply: ReplyMessage) => void; timer: NodeJS.Timeout }>();
  let lastCall = 0;
  let closedBecause: string | undefined;

  const answer = async ({ call, method, argument }: CallMessage): Promise<void> => {
    let reply: ReplyMessage;
    try {
      const handler = local[method];
      if (handler === undefined) throw new NodeError('internal_error', { meta: { method } });
      reply = { reply: call, value: await handler(argument) };
    } catch (thrown) {
      const error = toNodeError(thrown);
      const cause = error.cause instanceof Error ? { cause: error.cause.message } : {};
      reply = { reply: call, error: { ...error.toData(), meta: { ...error.meta, ...cause } } };
    }
    if (closedBecause === undefined) post(reply);
  };

  const post = (reply: ReplyMessage): void => {
    try {
      port.postMessage(reply);
    } catch (thrown) {
      // A result or the meta of an error that cannot be cloned is this call's failure, not the thread's end.
      const cause = thrown instanceof Error ? thrown.message : String(thrown);
      const code = 'error' in reply ? reply.error.code : 'internal_error';
      const error = new NodeError(code, { meta: { reason: 'the reply cannot be cloned', cause } });
      port.postMessage({ reply: reply.reply, error: error.toData() } satisfies ReplyMessage);
    }
  };

  port.on('message', (message) => {
    if (typeof message !== 'object' || message === null) return;
    if ('call' in message) void answer(message as CallMessage);
    else if ('reply' in message) open.get((message as ReplyMessage).reply)?.settle(message as ReplyMessage);
  });

  return {
    call(method, argument, timeoutMs = defaultTimeoutMs) {
      return new Promise((resolve, reject) => {
        if (closedBecause !== undefined) {
          reject(new NodeError('internal_error', { meta: { method, reason: closedBecause } }));
          return;
        }
        const call = ++lastCall;
        const settle = (reply: ReplyMessage): void => {
          clearTimeout(timer);
          open.delete(call);
          if ('error' in reply) reject(NodeError.fromData(reply.error));
          else resolve(reply.value as Awaited<ReturnType<Remote[typeof method]>>);
        };
        const timer = setTimeout(() => {
          const meta = { method, timeoutMs, reason: 'the thread did not answer in time' };
          settle({ reply: call, error: new NodeError('internal_error', { meta }).toData() });
        }, timeoutMs);
        timer.unref();
        open.set(call, { settle, timer });
        port.postMessage({ call, method, argument } satisfies CallMessage);
      });
    },
    close(reason) {
      closedBecause = reason;
      for (const [call, { settle }] of open) {
        settle({ reply: call, error: new NodeError('internal_error', { meta: { reason } }).toData() });
      }
    },
  };
}
