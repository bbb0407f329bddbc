/**
 * `POST /challenge`: finds the challenger of the request's type and answers with what it returns. Runs on the
 * fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { Handler } from '../http/route.js';

/** One type of challenge. */
export interface Challenger {
  readonly type: string;
  /** @returns the bare JSON object of the answer */
  run(payload: unknown): Promise<object>;
}

export function answerChallenge(challengers: readonly Challenger[]): Handler {
  const byType = new Map(challengers.map((challenger) => [challenger.type, challenger]));
  return (x) => {
    const { type, payload } = parseChallenge(x.body.bytes);
    const challenger = byType.get(type);
    if (challenger === undefined) throw new NodeError('unknown_type', { meta: { type: type.slice(0, 64) } });
    challenger.run(payload).then(
      (answer) => x.attempt(() => x.respondJson(200, answer)),
      (thrown: unknown) =>
        x.attempt(() => {
          throw thrown;
        }),
    );
  };
}

function parseChallenge(bytes: Buffer): { type: string; payload: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new NodeError('invalid_json', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NodeError('invalid_json');
  const { type, payload } = value as { type?: unknown; payload?: unknown };
  if (typeof type !== 'string') {
    throw new NodeError('invalid_request', { message: 'The body needs a "type" that is a string.' });
  }
  return { type, payload };
}
