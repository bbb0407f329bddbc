/** First start: writes the commented configuration files that are missing. What exists is never touched. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { NodeError } from '../errors/nodeError.js';
import { createFileExclusiveSync } from '../lib/atomicFile.js';
import type { HomePaths } from '../lib/homePaths.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { configTemplate } from './configTemplate.js';
import { modelBackendTemplate } from './modelBackendTemplate.js';

/** Both files can hold secrets: keys of backends, RPC URLs with a key in them. */
const fileMode = 0o600;
const folderMode = 0o700;

/** The paths that were written. Throws `config_invalid` when a file can neither be found nor be written. */
export function writeDefaultConfig(paths: HomePaths): string[] {
  const templates = [
    { path: paths.configFile, template: configTemplate },
    { path: paths.modelBackendFile, template: modelBackendTemplate },
  ];
  return templates.filter(({ path, template }) => create(path, template)).map(({ path }) => path);
}

function create(path: string, template: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: folderMode });
    return createFileExclusiveSync(path, template, { mode: fileMode });
  } catch (cause) {
    const message = `The configuration file ${path} cannot be written (${systemErrorCode(cause) ?? 'unknown error'}): choose another --home or FXN_HOME.`;
    throw new NodeError('config_invalid', { message, meta: { path }, cause });
  }
}
