/** One thing that `fxn doctor` looks at. Runs in the command line. */
import type { Finding } from './finding.js';

export type Group = 'Machine' | 'Configuration' | 'Chain' | 'Backends' | 'Network' | 'Compute';

export interface Check<Context> {
  readonly group: Group;
  /** A word or two, for whoever waits. */
  readonly title: string;
  /** All other deadlines of the check lie within it. */
  readonly deadlineMs: number;
  /** A rejection is a defect of the check, or an answer that nobody thought of. */
  readonly run: (context: Context) => Promise<readonly Finding[]>;
}
