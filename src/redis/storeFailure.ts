/** Why a store that several nodes share could not be used. Runs on the fronts and in main. */

/** A closed set: the label `kind` of the error metric. */
export type StoreFailureKind =
  /** No connection, or it was lost. */
  | 'connect'
  /** Not answered in time. */
  | 'timeout'
  /** Answered with an error. */
  | 'reply'
  /** Too many commands wait for their answer. */
  | 'overload'
  /** It is not the store whose contents are known; everything it remembered may be gone. */
  | 'changed'
  /** It would forget keys to make room. */
  | 'policy'
  /** It follows another server and may lag behind it. */
  | 'replica'
  /** It is one shard of a cluster. */
  | 'cluster'
  /** It does not say what must be known of it. */
  | 'unknown'
  /** Its clock and this node's differ too much. */
  | 'clock';

export class StoreFailure extends Error {
  readonly kind: StoreFailureKind;
  /** What the operator can do. */
  readonly remedy: string | undefined;

  constructor(kind: StoreFailureKind, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'StoreFailure';
    this.kind = kind;
    this.remedy = options.remedy;
  }
}
