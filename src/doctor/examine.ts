/**
 * Runs every check of `fxn doctor` at once, each within its deadline. What one of them meets that nobody thought of is a
 * finding too. Runs in the command line.
 */
import { setMaxListeners } from 'node:events';
import { ConfigError } from '../config/configError.js';
import { type LoadedConfig, loadConfig } from '../config/loadConfig.js';
import { startDeadline } from '../lib/deadline.js';
import type { HomePaths } from '../lib/homePaths.js';
import type { Check, Group } from './check.js';
import { checkConfig, configProblems } from './checks/config.js';
import { createNodeContext, type DoctorOptions, type MachineContext } from './context.js';
import type { Finding } from './finding.js';
import { machineChecks, nodeChecks } from './table.js';

export interface Examination {
  readonly paths: HomePaths;
  readonly env: MachineContext['env'];
  readonly options: DoctorOptions;
  readonly signal: AbortSignal;
  /** Told the titles of the checks that still run. */
  readonly onProgress?: (waiting: readonly string[]) => void;
}

export interface GroupedFindings {
  readonly group: Group;
  readonly findings: readonly Finding[];
}

/** In the order of the tables. Rejects with the reason of an aborted signal. */
export async function examine(examination: Examination): Promise<readonly GroupedFindings[]> {
  const { paths, env, options, signal } = examination;
  // Every check, and every question of one, listens for the end.
  setMaxListeners(0, signal);
  const machine = { paths, env, options, signal };
  const loaded = load(machine);
  const run = startChecks(examination);
  const started: Promise<GroupedFindings>[] = machineChecks.map((check) => run(check, machine));
  if (loaded instanceof ConfigError) {
    const findings = Promise.resolve(configProblems(loaded));
    started.push(findings.then((problems) => ({ group: 'Configuration', findings: problems })));
    return merged(await Promise.all(started));
  }
  const node = createNodeContext(machine, loaded);
  try {
    started.push(...[checkConfig, ...nodeChecks].map((check) => run(check, node)));
    return merged(await Promise.all(started));
  } finally {
    node.close();
  }
}

function load({ paths, env }: MachineContext): LoadedConfig | ConfigError {
  const { home, configFile, modelBackendFile } = paths;
  try {
    return loadConfig({ home, configFile, modelBackendFile, env });
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
}

function startChecks({ signal, onProgress }: Examination) {
  const waiting = new Set<string>();

  return async <Context>(check: Check<Context>, context: Context): Promise<GroupedFindings> => {
    const { group, title, deadlineMs } = check;
    waiting.add(title);
    onProgress?.([...waiting]);
    const deadline = startDeadline(deadlineMs, signal);
    const ended = new Promise<never>((_resolve, reject) => {
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
    });
    try {
      return { group, findings: await Promise.race([check.run(context), ended]) };
    } catch (thrown) {
      signal.throwIfAborted();
      return { group, findings: [unfinished(title, thrown)] };
    } finally {
      deadline.end();
      waiting.delete(title);
      onProgress?.([...waiting]);
    }
  };
}

const unfinished = (title: string, thrown: unknown): Finding => ({
  id: 'check_failed',
  severity: 'failure',
  title,
  detail: `the check itself failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  remedy: 'run "fxn doctor" again; if it stays, look at what was checked by hand',
});

function merged(parts: readonly GroupedFindings[]): GroupedFindings[] {
  const groups = new Map<Group, Finding[]>();
  for (const { group, findings } of parts) groups.set(group, [...(groups.get(group) ?? []), ...findings]);
  return [...groups].map(([group, findings]) => ({ group, findings }));
}
