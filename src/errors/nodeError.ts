/**
 * The error that carries a code of the table. Thrown with what went wrong, typed meta for the log and the
 * cause; rendered for clients by `src/http`; crosses threads as plain data. Runs everywhere.
 */
import { type ErrorCode, type ErrorCodeName, errorCodes } from './codes.js';

/** What a `NodeError` looks like after `structuredClone`, which drops classes. */
export interface NodeErrorData {
  readonly code: ErrorCodeName;
  readonly message: string;
  readonly status: number;
  readonly meta: Readonly<Record<string, unknown>>;
}

export interface NodeErrorOptions {
  /** Replaces the table's sentence; must be as safe to show to a stranger as that one. */
  readonly message?: string;
  /** Replaces the table's status: a backend's own 5xx is kept. */
  readonly status?: number;
  /** For the log only; `param` and `retryAfterS` are shown to the caller. */
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class NodeError extends Error {
  readonly code: ErrorCodeName;
  readonly status: number;
  readonly meta: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCodeName, options: NodeErrorOptions = {}) {
    super(options.message ?? errorCodes[code].message, { cause: options.cause });
    this.name = 'NodeError';
    this.code = code;
    this.status = options.status ?? errorCodes[code].status;
    this.meta = options.meta ?? {};
  }

  get entry(): ErrorCode {
    return errorCodes[this.code];
  }

  toData(): NodeErrorData {
    return { code: this.code, message: this.message, status: this.status, meta: this.meta };
  }

  static fromData(data: NodeErrorData): NodeError {
    return new NodeError(data.code, { message: data.message, status: data.status, meta: data.meta });
  }
}

/** Anything thrown, as a `NodeError`: unknown values become `internal_error` and keep the cause. */
export function toNodeError(thrown: unknown): NodeError {
  return thrown instanceof NodeError ? thrown : new NodeError('internal_error', { cause: thrown });
}
