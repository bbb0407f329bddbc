/**
 * Everything that is wrong with the configuration, at once and with its place, so that an operator mends the
 * files in one go. Runs on the main thread and in the commands.
 */
import { NodeError } from '../errors/nodeError.js';

/** A place in a file; line and column count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export const startOfFile: Place = { line: 1, column: 1 };

export interface ConfigProblem extends Place {
  readonly file: string;
  /** Key path such as `models[0].backends[1].url`; empty when the file as a whole is meant. */
  readonly path: string;
  /** What was expected and what was found; never a secret. */
  readonly message: string;
  /** The nearest known key or value. */
  readonly suggestion?: string;
}

/** `file:line:column: key.path: what was expected, what was found (did you mean "x"?)` */
export function problemText(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const hint = problem.suggestion === undefined ? '' : ` (did you mean "${problem.suggestion}"?)`;
  return `${place}:${path} ${problem.message}${hint}`;
}

/** The same of anything that loading threw. */
export function problemsIn(thrown: unknown): string[] {
  if (thrown instanceof ConfigError) return thrown.problems.map(problemText);
  return [thrown instanceof Error ? thrown.message : String(thrown)];
}

export class ConfigError extends NodeError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('config_invalid', { message: problems.map(problemText).join('\n'), meta: { problems } });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
