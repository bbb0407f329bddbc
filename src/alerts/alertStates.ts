/**
 * Which alerts are on: turns what the rules find at each look into beginnings and ends. What comes and goes within the
 * hold times of its rule is never told, and what is on is told once. Knows no clock and no network. Runs in main.
 */
import type { AlertFacts, AlertRule, Finding } from './alertRules.js';

/** An alert that has begun or ended. */
export interface AlertChange {
  readonly rule: AlertRule;
  readonly subject: string;
  readonly status: 'firing' | 'resolved';
  /** As it was found last. */
  readonly detail: string;
  /** Unix milliseconds of the first look that found it, and of the first that did not. */
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

export interface Moment {
  /** Nobody can set this one; hold times go by it. */
  readonly monotonicMs: number;
  /** Unix milliseconds, for people. */
  readonly wallMs: number;
}

interface AlertState {
  detail: string;
  isOn: boolean;
  startedAtMs: number;
  /** Since when it has been otherwise than `isOn` says; `undefined` while it has not. */
  turning: Moment | undefined;
}

export class AlertStates {
  readonly #rules: readonly AlertRule[];
  readonly #states = new Map<AlertRule, Map<string, AlertState>>();

  constructor(rules: readonly AlertRule[]) {
    this.#rules = rules;
  }

  /** How many are on. */
  get active(): number {
    let active = 0;
    for (const states of this.#states.values()) for (const { isOn } of states.values()) if (isOn) active++;
    return active;
  }

  /** Looks at the facts of a moment; answers with what has changed. */
  look(facts: AlertFacts, now: Moment): AlertChange[] {
    return this.#rules.flatMap((rule) => this.#lookAt(rule, rule.find(facts), now));
  }

  #lookAt(rule: AlertRule, findings: readonly Finding[] | undefined, now: Moment): AlertChange[] {
    let states = this.#states.get(rule);
    if (states === undefined) {
      states = new Map();
      this.#states.set(rule, states);
    }
    if (findings === undefined) {
      // Nobody knows: what was about to change has to be seen anew for as long.
      for (const [subject, state] of states) {
        state.turning = undefined;
        if (!state.isOn) states.delete(subject);
      }
      return [];
    }
    const changes: AlertChange[] = [];
    const found = new Map(findings.map(({ subject, detail }) => [subject, detail]));
    for (const [subject, detail] of found) {
      const state = states.get(subject) ?? { detail, isOn: false, startedAtMs: now.wallMs, turning: now };
      states.set(subject, state);
      state.detail = detail;
      if (state.isOn) {
        state.turning = undefined;
        continue;
      }
      state.turning ??= now;
      if (now.monotonicMs - state.turning.monotonicMs < rule.holdMs) continue;
      Object.assign(state, { isOn: true, startedAtMs: state.turning.wallMs, turning: undefined });
      changes.push(changeOf(rule, subject, state, null));
    }
    for (const [subject, state] of states) {
      if (found.has(subject)) continue;
      if (!state.isOn) {
        states.delete(subject);
        continue;
      }
      state.turning ??= now;
      if (now.monotonicMs - state.turning.monotonicMs < rule.clearMs) continue;
      states.delete(subject);
      changes.push(changeOf(rule, subject, state, state.turning.wallMs));
    }
    return changes;
  }
}

function changeOf(
  rule: AlertRule,
  subject: string,
  { detail, startedAtMs }: AlertState,
  endedAtMs: number | null,
): AlertChange {
  return {
    rule,
    subject,
    status: endedAtMs === null ? 'firing' : 'resolved',
    detail,
    startedAtMs,
    endedAtMs,
  };
}
