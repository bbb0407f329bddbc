/**
 * What can go wrong between this node and a chain, as a closed union that serves as metric label. Every failure
 * is a `NodeError('rpc_failed')` that carries its kind; its message never holds a URL, because RPC URLs hold
 * keys. Runs in the registry thread and the command line.
 */
import { NodeError } from '../errors/nodeError.js';

const chainFailureKinds = [
  /** No answer within the deadline. */
  'timeout',
  /** No connection, or one that broke. */
  'unreachable',
  'rate_limited',
  /** Any other HTTP status than 200. */
  'http_error',
  /** Neither valid JSON-RPC nor a decodable value. */
  'bad_response',
  'too_large',
  'wrong_chain',
  /** A JSON-RPC error that is none of the other kinds. */
  'rpc_error',
  'reverted',
  /** No code, or the zero address, where a contract was expected. */
  'no_contract',
  /** The endpoint's newest block is older than one that was already read. */
  'old_head',
  /** The endpoint's newest block contradicts those of the others. */
  'implausible_head',
  /** The answer did not come from the block that was asked for. */
  'unpinned',
  /** The reader was closed meanwhile. */
  'aborted',
] as const;

export type ChainFailureKind = (typeof chainFailureKinds)[number];

export function chainFailure(
  kind: ChainFailureKind,
  message: string,
  meta: Readonly<Record<string, unknown>> = {},
): NodeError {
  return new NodeError('rpc_failed', { message, meta: { ...meta, kind } });
}

/** The kind of a chain failure; `undefined` for any other error. */
export function chainFailureKind(error: unknown): ChainFailureKind | undefined {
  if (!(error instanceof NodeError) || error.code !== 'rpc_failed') return undefined;
  return chainFailureKinds.find((kind) => kind === error.meta['kind']);
}
