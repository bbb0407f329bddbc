/**
 * The files of a new home: made up, loaded as the node will load them, and only then written, each whole or not at all.
 * A file that is there is never touched; it is compared with what would have been written. Runs in the command line.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../config/configError.js';
import { configTemplate } from '../../config/configTemplate.js';
import { fillTemplate, type TemplateValue } from '../../config/fillTemplate.js';
import { type LoadedConfig, loadConfig } from '../../config/loadConfig.js';
import { modelBackendText, type WrittenModel } from '../../config/modelBackendTemplate.js';
import { redactUrl } from '../../config/redactConfig.js';
import type { Environment } from '../../config/substituteEnv.js';
import { createFileExclusive } from '../../lib/atomicFile.js';
import type { HomePaths } from '../../lib/homePaths.js';

export interface WantedFiles {
  /** Of `config.yaml`, by the path of the key. */
  readonly config: Readonly<Record<string, TemplateValue>>;
  /** What the operator said, out of `config`: compared with a file that is there. */
  readonly said: readonly string[];
  /** Empty where no model is asked for: then a file that is there is as wished. */
  readonly models: readonly WrittenModel[];
  /** Name of the model that serves unlisted ones; empty = none. */
  readonly fallback: string;
}

export interface PlannedFiles {
  /** As the node will see it. */
  readonly loaded: LoadedConfig;
  /** The files that are missing, in the order in which they are to be written. */
  readonly missing: readonly PlannedFile[];
  /** What stays otherwise than asked for, because the file is there. */
  readonly differences: readonly string[];
}

export interface PlannedFile {
  readonly path: string;
  readonly text: string;
}

/** @throws ConfigError with the places of the real files, when these or the new ones do not load */
export function planFiles(paths: HomePaths, wanted: WantedFiles, env: Environment): PlannedFiles {
  const { home, configFile, modelBackendFile } = paths;
  const config = { path: configFile, text: fillTemplate(configTemplate, wanted.config) };
  const models = { path: modelBackendFile, text: modelBackendText(wanted.models, wanted.fallback) };
  const [hasConfig, hasModels] = [existsSync(configFile), existsSync(modelBackendFile)];
  // Where others cannot read: an RPC URL can hold a key.
  const folder = mkdtempSync(join(tmpdir(), 'fxn-init-'));
  const staged = { configFile: join(folder, 'config.yaml'), modelBackendFile: join(folder, 'models.yaml') };
  try {
    writeFileSync(staged.configFile, config.text, { mode: 0o600 });
    writeFileSync(staged.modelBackendFile, models.text, { mode: 0o600 });
    const load = (configFile: string, modelBackendFile: string): LoadedConfig =>
      loadConfig({ home, configFile, modelBackendFile, env });
    const usable = wanted.models.length > 0 ? staged.modelBackendFile : modelBackendFile;
    const asked = load(staged.configFile, usable);
    const loaded = load(
      hasConfig ? configFile : staged.configFile,
      hasModels ? modelBackendFile : staged.modelBackendFile,
    );
    return {
      loaded,
      missing: [...(hasModels ? [] : [models]), ...(hasConfig ? [] : [config])],
      differences: [
        ...(hasConfig ? configDifferences(asked, loaded, wanted.said) : []),
        ...(hasModels && wanted.models.length > 0 ? modelDifferences(asked, loaded) : []),
      ],
    };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const finalPath = new Map([
      [staged.configFile, configFile],
      [staged.modelBackendFile, modelBackendFile],
    ]);
    throw new ConfigError(
      thrown.problems.map((problem) => ({ ...problem, file: finalPath.get(problem.file) ?? problem.file })),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configDifferences(asked: LoadedConfig, loaded: LoadedConfig, said: readonly string[]): string[] {
  return said.flatMap((path) => {
    const [would, is] = [asked, loaded].map(({ config }) => shown(valueAt(config, path)));
    return would === is ? [] : [`config.yaml, ${path}: is ${is}, would be ${would}`];
  });
}

const valueAt = (config: object, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);

/** URLs without what could be a key in them. */
function shown(value: unknown): string {
  const safe = (item: unknown): unknown =>
    typeof item === 'string' && /^https?:/i.test(item) ? redactUrl(item) : item;
  return JSON.stringify(Array.isArray(value) ? value.map(safe) : safe(value));
}

function modelDifferences(asked: LoadedConfig, loaded: LoadedConfig): string[] {
  const served = new Set(loaded.modelBackends.models.flatMap(serversOf));
  const missing = asked.modelBackends.models.flatMap(serversOf).filter((server) => !served.has(server));
  return missing.map((server) => `model_backend.yaml: does not have ${server}`);
}

const serversOf = ({ name, backends }: LoadedConfig['modelBackends']['models'][number]): string[] =>
  backends.map(({ url, model }) => `${name} at ${url}${model === name ? '' : ` as ${model}`}`);

/** False when the name was taken meanwhile. Throws system errors. */
export const writePlanned = ({ path, text }: PlannedFile): Promise<boolean> =>
  createFileExclusive(path, text, { mode: 0o600 });
