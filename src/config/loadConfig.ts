/**
 * Loads both configuration files. Either everything holds and the result is frozen, or one `ConfigError` lists
 * all that is wrong in both. Reads the disk and nothing else; runs on the main thread, at start and on reload.
 */
import { Check } from 'typebox/value';
import { type HomePaths, homePaths } from '../lib/homePaths.js';
import { Config } from './config.js';
import { ConfigError, type ConfigProblem } from './configError.js';
import { checkConfigRules } from './configRules.js';
import { deepFreeze } from './deepFreeze.js';
import type { ModelBackends } from './modelBackends.js';
import { readModelBackends } from './readModelBackends.js';
import { TreeReader } from './treeReader.js';
import { checkUnbuiltFeatures } from './unbuiltFeatures.js';
import { openYamlFile } from './yamlFile.js';

export interface LoadConfigOptions {
  readonly home: string;
  /** `--config` */
  readonly configFile?: string | undefined;
  /** `--model-backend` */
  readonly modelBackendFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds; the present when absent. */
  readonly nowMs?: number;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly modelBackends: ModelBackends;
  readonly paths: HomePaths;
  /** What works but will hurt, each with its place. */
  readonly warnings: readonly string[];
}

/** Throws `ConfigError`. */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const { env, nowMs = Date.now() } = options;
  const paths = homePaths(options.home, options);
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];

  const config = readConfig(paths, env, problems, warnings);

  const opened = openYamlFile(
    paths.modelBackendFile,
    'start the node once to have it written, or name another with --model-backend',
  );
  problems.push(...(opened.problems ?? []));
  const loadedAt = Math.floor(nowMs / 1000);
  const modelBackends = opened.file
    ? readModelBackends({ file: opened.file, env, home: paths.home, loadedAt }, problems, warnings)
    : undefined;

  if (problems.length > 0 || config === undefined || modelBackends === undefined) {
    throw new ConfigError(problems);
  }
  return Object.freeze({ config, modelBackends, paths, warnings: Object.freeze(warnings) });
}

function readConfig(
  paths: HomePaths,
  env: LoadConfigOptions['env'],
  problems: ConfigProblem[],
  warnings: string[],
): Config | undefined {
  const opened = openYamlFile(
    paths.configFile,
    'start the node once to have it written, or name another with --config',
  );
  problems.push(...(opened.problems ?? []));
  if (opened.file === undefined) return undefined;
  const tree = new TreeReader({ file: opened.file, schema: Config, env, home: paths.home });
  checkConfigRules(tree, env);
  checkUnbuiltFeatures(tree);
  warnings.push(...tree.warnings);
  problems.push(...tree.problems);
  if (tree.problems.length > 0) return undefined;
  const { value } = tree;
  if (!Check(Config, value)) {
    throw new TypeError('a configuration file without problems does not match its schema');
  }
  return deepFreeze(value);
}
