/**
 * What one type of challenge is: a name, the shape of its payload, a deadline and how it is answered. The dispatch
 * holds a list of them and knows nothing else. Runs in main.
 */
import type { Static, TSchema } from 'typebox';
import { compileSchema } from '../config/compileSchema.js';
import { NodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';

export interface ChallengeContext {
  /** Lower case. */
  readonly caller: AddressText;
  /** Aborted when the caller leaves or the deadline passes; what a challenger throws then nobody reads. */
  readonly signal: AbortSignal;
  /** Of the request, for the log. */
  readonly id: string;
  /** Adds facts to the challenge's line in the log. */
  note(facts: Readonly<Record<string, unknown>>): void;
}

/** What a challenger is written as. */
export interface ChallengerDefinition<Schema extends TSchema> {
  readonly type: string;
  /** Members that it does not name are ignored, so that schedulers may add some. A missing payload is `null`. */
  readonly payload: Schema;
  /** Longer than any deadline that the challenger keeps itself, whose answer says more than the dispatch's. */
  readonly deadlineMs: number;
  /** @returns the bare JSON object of the answer */
  run(payload: Static<Schema>, context: ChallengeContext): Promise<object>;
}

export interface Challenger {
  readonly type: string;
  readonly deadlineMs: number;
  /** Rejects with `invalid_payload` for a payload of another shape. Never throws at once. */
  run(payload: unknown, context: ChallengeContext): Promise<object>;
}

export function defineChallenger<Schema extends TSchema>(
  definition: ChallengerDefinition<Schema>,
): Challenger {
  const check = compileSchema(definition.payload);
  const { type, deadlineMs } = definition;
  return {
    type,
    deadlineMs,
    async run(payload, context) {
      const checked = check(payload ?? null);
      if (checked.isValid) return await definition.run(checked.value, context);
      const { place, expected } = checked.problem;
      throw invalidPayload(`${place === '' ? '' : `at ${place} `}expected ${expected}`, { type, place });
    },
  };
}

/**
 * The error of a payload that cannot be used.
 * @param what goes on after "The challenge payload is not valid: "; safe to show, so without any value of the payload
 */
export function invalidPayload(what: string, meta: Readonly<Record<string, unknown>> = {}): NodeError {
  return new NodeError('invalid_payload', { message: `The challenge payload is not valid: ${what}.`, meta });
}
