/** Turns either form of `model_backend.yaml` into the one resolved form. */
import { Check } from 'typebox/value';
import { isMap, isScalar } from 'yaml';
import type { ConfigProblem } from './configError.js';
import { deepFreeze } from './deepFreeze.js';
import {
  type Backend,
  FlatBackendFile,
  type Model,
  type ModelBackends,
  ModelListFile,
} from './modelBackends.js';
import { checkBackendUrl, checkModelRules } from './modelRules.js';
import type { Environment } from './substituteEnv.js';
import { TreeReader } from './treeReader.js';
import type { YamlFile } from './yamlFile.js';

/**
 * What a backend gets that the flat file has no keys for. A bound that cannot be changed there would be a trap, and the
 * Go node has none.
 */
const flatDefaults = { headers: {}, weight: 1, maxConcurrency: 100_000 } as const;

export interface ReadModelBackendsOptions {
  readonly file: YamlFile;
  readonly env: Environment;
  readonly home: string;
  /** Unix seconds. */
  readonly loadedAt: number;
}

/** Adds what is wrong to `problems` and what will hurt to `warnings`; `undefined` when anything is wrong. */
export function readModelBackends(
  options: ReadModelBackendsOptions,
  problems: ConfigProblem[],
  warnings: string[],
): ModelBackends | undefined {
  const { file, loadedAt } = options;
  const flat = isFlat(file);
  const tree = new TreeReader({ ...options, schema: flat ? FlatBackendFile : ModelListFile });
  if (flat) checkBackendUrl(tree, 'url');
  else checkModelRules(tree);
  warnings.push(...tree.warnings);
  problems.push(...(flat ? tree.problems : tree.problems.map(explainMixedForms)));
  if (tree.problems.length > 0) return undefined;
  const { value } = tree;
  if (flat && Check(FlatBackendFile, value)) return deepFreeze(fromFlat(value, loadedAt));
  if (!flat && Check(ModelListFile, value)) return deepFreeze(fromList(value, loadedAt));
  throw new TypeError('a model backend file without problems does not match its schema');
}

/** The flat file has a backend's keys at the top and no list of models. */
function isFlat({ document }: YamlFile): boolean {
  if (!isMap(document.contents)) return false;
  const keys = new Set(document.contents.items.map(({ key }) => (isScalar(key) ? key.value : undefined)));
  if (keys.has('models') || keys.has('default')) return false;
  return Object.keys(FlatBackendFile.properties).some((key) => keys.has(key));
}

/** A key of the flat file beside the list is more than a misplaced key: one of the two forms has to go. */
function explainMixedForms(problem: ConfigProblem): ConfigProblem {
  if (!Object.hasOwn(FlatBackendFile.properties, problem.path)) return problem;
  const { file, line, column, path } = problem;
  const message = `expected either a list "models" or the flat form with "url" at the top, since the two exclude each other, found keys of both`;
  return { file, line, column, path, message };
}

function fromFlat(flat: FlatBackendFile, loadedAt: number): ModelBackends {
  const { fxnId, modelNameAlias, ...rest } = flat;
  const backend: Backend = { ...rest, model: modelNameAlias === '' ? null : modelNameAlias, ...flatDefaults };
  return { models: [{ name: fxnId, aliases: [], fxnId, backends: [backend] }], default: fxnId, loadedAt };
}

function fromList(list: ModelListFile, loadedAt: number): ModelBackends {
  const models = list.models.map(
    (model): Model => ({
      ...model,
      backends: model.backends.map((backend) => ({
        ...backend,
        model: backend.model === '' ? model.name : backend.model,
        headers: Object.fromEntries(
          Object.entries(backend.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
      })),
    }),
  );
  const fallback = models.find(
    ({ name, aliases }) => name === list.default || aliases.includes(list.default),
  );
  return { models, default: fallback?.name ?? null, loadedAt };
}
