/**
 * What the soak holds against the node: each answer of a well-behaved request against what the backends did with that
 * request, and what must never happen at all.
 */
import type { Answer } from '#test/support/httpClient.js';
import type { Deed, Mood } from './moodyBackend.js';

/** How a well-behaved request fared. Only `node_fault` is the node's fault. */
export type Outcome =
  | 'served'
  | 'backend_failed'
  | 'backend_cut'
  | 'no_capacity'
  | 'front_crashed'
  | 'node_fault';

/** What else went on while a request was under way. */
export interface Circumstances {
  readonly hasFrontCrashed: boolean;
  readonly wasBackendAway: boolean;
}

export interface Verdicts {
  readonly outcomes: ReadonlyMap<Outcome, number>;
  /** Never to happen; the first ones in words. */
  readonly violations: readonly string[];
  /** Well-behaved requests without a right answer for which nobody but the node can be blamed. */
  readonly faults: readonly string[];
  saw(deed: Deed): void;
  /** `undefined`: no answer came. */
  judge(id: string, answer: Answer | undefined, circumstances: Circumstances): Outcome;
  accuse(what: string): void;
  forget(id: string): void;
}

/** The backend did the work, or began it. Another attempt after it would be a second execution. */
const isExecuted: Readonly<Record<Mood, boolean>> = {
  stream: true,
  json: true,
  json_chunked: true,
  json_close: true,
  large: true,
  reset_early: false,
  reset_late: true,
  cut_stream: true,
  end_stream: true,
  cut_json: true,
  cut_close: true,
  hang_head: true,
  hang_stream: true,
  garbage: true,
  status_429: true,
  status_500: true,
  status_503: false,
  redirect: true,
};
const rightMoods: readonly Mood[] = ['stream', 'json', 'json_chunked', 'json_close', 'large'];
const cutMoods: readonly Mood[] = ['cut_stream', 'end_stream', 'cut_json', 'cut_close', 'hang_stream'];
const capacityCodes: readonly unknown[] = ['queue_full', 'queue_timeout', 'no_backend'];
const wordsAtMost = 50;

export function createVerdicts(): Verdicts {
  const outcomes = new Map<Outcome, number>();
  const violations: string[] = [];
  const faults: string[] = [];
  const deeds = new Map<string, Deed[]>();
  /** Outlives the judgement: a second execution may come late. */
  const executed = new Set<string>();

  const accuse = (what: string): void => {
    if (violations.length < wordsAtMost) violations.push(what);
  };

  const outcomeOf = (id: string, answer: Answer | undefined, circumstances: Circumstances): Outcome => {
    const { hasFrontCrashed, wasBackendAway } = circumstances;
    const done = deeds.get(id) ?? [];
    const wasInterrupted = done.some(({ isInterrupted }) => isInterrupted);
    const last = done.at(-1);
    const said = `${id}: ${answer?.status} ${answer?.isWhole} ${answer?.text.slice(-200)} after ${done.map(({ mood }) => mood)}`;
    const fault = (why: string): Outcome => {
      if (hasFrontCrashed && answer?.isWhole !== true) return 'front_crashed';
      if (faults.length < wordsAtMost) faults.push(`${why}, ${said}`);
      return 'node_fault';
    };
    if (answer === undefined) return fault('no answer');
    if (answer.status === 200 && answer.isWhole) {
      if (last === undefined) accuse(`an answer that no backend gave, ${said}`);
      else if (!rightMoods.includes(last.mood)) accuse(`looked complete and was not, ${said}`);
      else if (!last.intended.equals(answer.body)) accuse(`other bytes than the backend's, ${said}`);
      return 'served';
    }
    if (answer.status === 200) {
      if (last === undefined) return fault('cut before a backend answered');
      const begins = last.intended.subarray(0, Math.floor(last.intended.length / 2));
      const received = answer.text.split('\n\ndata: {"error"')[0]!;
      if (!begins.toString().startsWith(received.slice(0, begins.length))) {
        accuse(`cut, with other bytes than the backend's, ${said}`);
      }
      return cutMoods.includes(last.mood) || wasInterrupted ? 'backend_cut' : fault('cut');
    }
    if (!answer.isWhole) return fault('half an error');
    const code = codeOf(answer);
    if (capacityCodes.includes(code)) return 'no_capacity';
    if (wasInterrupted) return 'backend_failed';
    if (
      wasBackendAway &&
      (code === 'upstream_unreachable' || (code === 'upstream_reset' && last === undefined))
    ) {
      return 'backend_failed';
    }
    if (last !== undefined && !rightMoods.includes(last.mood)) return 'backend_failed';
    return fault('an error without a reason');
  };

  return {
    outcomes,
    violations,
    faults,
    accuse,
    saw(deed) {
      const { id, mood } = deed;
      if (id === undefined || id.startsWith('never')) {
        accuse(`a backend got a request that should have been refused: ${id}`);
        return;
      }
      const before = deeds.get(id) ?? [];
      // One that went away before it answered may not have seen the request: it goes out once more then.
      const wasInterrupted = before.some(({ isInterrupted }) => isInterrupted);
      if (executed.has(id) && !wasInterrupted) {
        accuse(`executed twice: ${id}, ${before.map((each) => each.mood)}, now ${mood}`);
      }
      if (isExecuted[mood]) executed.add(id);
      deeds.set(id, [...before, deed]);
    },
    judge(id, answer, circumstances) {
      const outcome = outcomeOf(id, answer, circumstances);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      return outcome;
    },
    forget: (id) => void deeds.delete(id),
  };
}

function codeOf({ text }: Answer): unknown {
  try {
    return (JSON.parse(text) as { error?: { code?: unknown } }).error?.code;
  } catch {
    // The bare pages of the HTTP parser are no JSON; nobody well-behaved gets one.
    return undefined;
  }
}
