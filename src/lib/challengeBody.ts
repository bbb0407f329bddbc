/** What the body of a challenge says, as it passes from a compute thread to main. */
export interface ChallengeBody {
  readonly type: string;
  readonly payload: unknown;
  /** The body was large and the type is none that may be; its payload was left behind. */
  readonly isOversized?: true;
}
