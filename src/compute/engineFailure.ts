/** How an engine says why it cannot serve or why a job failed, in words for the log. Runs in main and in the GPU host. */
import { NodeError } from '../errors/nodeError.js';

export function engineFailure(reason: string, cause?: unknown): NodeError {
  return new NodeError('compute_failed', { meta: { reason }, cause });
}

/** Anything thrown by a job, as an error that can cross to main: unknown ones become `compute_failed`. */
export function toEngineFailure(thrown: unknown): NodeError {
  return thrown instanceof NodeError ? thrown : engineFailure(failureReason(thrown), thrown);
}

/** The reason of an engine's failure, or the message of anything else that was thrown. */
export function failureReason(thrown: unknown): string {
  if (thrown instanceof NodeError && typeof thrown.meta['reason'] === 'string') return thrown.meta['reason'];
  return thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
}
