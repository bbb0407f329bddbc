/** What the record phase of a request tells about one inference; filled in on the way. Runs on the fronts. */

export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** True when the backend did not say, so that the numbers were guessed from the bytes. */
  readonly isEstimated: boolean;
}

export interface InferenceRecord {
  /** The configured name, a closed set: may be a metric label. */
  readonly model: string;
  /** Label `host:port` of the backend that was asked last; `undefined` while none was. */
  backend: string | undefined;
  /** Kind of that backend as configured. */
  provider: string | undefined;
  /** How often a backend was asked. */
  attempts: number;
  /** Time spent waiting for a free backend. */
  queuedMs: number;
  usage: TokenUsage | undefined;
}
