/**
 * One JSON-RPC endpoint over HTTP: every call has a deadline, every response a size bound, and nothing that it
 * throws names the URL. viem's own transport bounds neither the size nor what its errors quote, so viem only
 * encodes and decodes here. Runs in the registry thread and the command line.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { NodeError } from '../errors/nodeError.js';
import { requestHttp } from '../lib/httpRequest.js';
import { chainFailure } from './chainFailure.js';

export interface JsonRpcOptions {
  readonly url: string;
  /** For one call, connecting and reading the body included. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Calls off whatever is under way. */
  readonly signal: AbortSignal;
  /** Told when the head of an answer is there. */
  readonly onHeaders?: (headers: IncomingHttpHeaders) => void;
}

export interface JsonRpcClient {
  /** Scheme, host and port: what may be logged of the URL. */
  readonly label: string;
  /** The `result` of one call, unchecked; `deadlineMs` replaces `timeoutMs`. Throws a chain failure. */
  request(method: string, params: readonly unknown[], deadlineMs?: number): Promise<unknown>;
}

/** Scheme, host and port of a URL; keys live in the rest. */
export function endpointLabel(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}`;
  } catch {
    return 'an unreadable URL';
  }
}

/** Servers quote the request in their errors; what looks like a URL could hold our key. */
const quotable = (text: unknown): string =>
  String(text)
    .replace(/\w+:\/\/\S+/g, '[url]')
    .slice(0, 200);

export function openJsonRpc(options: JsonRpcOptions): JsonRpcClient {
  const { url, timeoutMs, maxResponseBytes, signal, onHeaders } = options;
  const label = endpointLabel(url);
  const { target, headers } = splitCredentials(url);
  let lastId = 0;

  return {
    label,
    async request(method, params, deadlineMs = timeoutMs) {
      const id = ++lastId;
      const deadline = AbortSignal.timeout(deadlineMs);
      let status: number;
      let text: string;
      try {
        const answer = await requestHttp({
          url: target,
          method: 'POST',
          headers,
          body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
          signal: AbortSignal.any([deadline, signal]),
        });
        onHeaders?.(answer.headers);
        status = answer.status;
        text = await readBounded(answer.body, maxResponseBytes);
      } catch (thrown) {
        if (thrown instanceof NodeError) throw thrown;
        if (signal.aborted) throw chainFailure('aborted', 'The read was called off.');
        if (deadline.aborted)
          throw chainFailure('timeout', 'The RPC endpoint did not answer in time.', { method });
        const reason = causeCode(thrown);
        throw chainFailure('unreachable', `The RPC endpoint cannot be reached (${reason}).`, {
          method,
          reason,
        });
      }
      return readReply({ method, id, status, text });
    },
  };
}

/** A user name of the URL travels as a header. */
function splitCredentials(url: string): { target: URL; headers: Record<string, string> } {
  const target = new URL(url);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (target.username !== '' || target.password !== '') {
    const pair = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    target.username = '';
    target.password = '';
  }
  return { target, headers };
}

async function readBounded(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop by an exception destroys the body, which closes the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw chainFailure('too_large', 'The answer of the RPC endpoint exceeds the size limit.', { maxBytes });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/** `ECONNREFUSED` and the like: the code of the innermost cause, whose message could quote the URL. */
function causeCode(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.name : 'unknown';
}

interface RawReply {
  readonly method: string;
  readonly id: number;
  readonly status: number;
  readonly text: string;
}

function readReply({ method, id, status, text }: RawReply): unknown {
  const reply = parseObject(text);
  if (status === 429) throw chainFailure('rate_limited', 'The RPC endpoint limits our rate.', { method });
  // Some endpoints send their JSON-RPC errors with a 4xx or 5xx; the error says more than the status.
  if (reply !== undefined && typeof reply['error'] === 'object' && reply['error'] !== null) {
    throw rpcError(method, reply['error'] as Record<string, unknown>);
  }
  if (status !== 200)
    throw chainFailure('http_error', `The RPC endpoint answered with HTTP ${status}.`, { method });
  if (reply === undefined || reply['id'] !== id || !('result' in reply)) {
    throw chainFailure('bad_response', 'The RPC endpoint answered with something that is not JSON-RPC.', {
      method,
    });
  }
  return reply['result'];
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** More than any error of a contract holds. */
const maxRevertDigits = 16_384;

/** The bytes a contract reverted with: bare, within an object, or behind a word as Nethermind has them. */
function revertData(data: unknown): string | undefined {
  const text = typeof data === 'object' && data !== null && 'data' in data ? data.data : data;
  if (typeof text !== 'string' || text.length > maxRevertDigits) return undefined;
  return /^(?:Reverted )?(0x(?:[0-9a-fA-F]{2})*)$/.exec(text)?.[1];
}

/** Geth reverts with 3, older nodes and Nethermind with -32015; limits come as 429, -32005, -32016 or in words. */
function rpcError(method: string, error: Record<string, unknown>): NodeError {
  const { code } = error;
  const said = quotable(error['message']);
  const data = revertData(error['data']);
  const meta = {
    method,
    rpcCode: typeof code === 'number' ? code : undefined,
    said,
    ...(data === undefined ? {} : { data }),
  };
  if (code === 429 || code === -32005 || code === -32016 || /rate.?limit|too many requests/i.test(said)) {
    return chainFailure('rate_limited', 'The RPC endpoint limits our rate.', meta);
  }
  if (code === 3 || code === -32015 || /revert/i.test(said)) {
    return chainFailure('reverted', 'The contract refused the call.', meta);
  }
  return chainFailure('rpc_error', 'The RPC endpoint refused the call.', meta);
}
