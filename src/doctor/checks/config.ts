/** Both configuration files. They are loaded before any other check runs. */
import type { ConfigError, ConfigProblem } from '../../config/configError.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, warning } from '../finding.js';

export const checkConfig: Check<NodeContext> = {
  group: 'Configuration',
  title: 'configuration',
  deadlineMs: 1_000,
  async run({ loaded }) {
    const { configFile, modelBackendFile } = loaded.paths;
    return [
      ok('config', 'Files', `${configFile} and ${modelBackendFile} are valid`),
      ...loaded.warnings.map((detail) =>
        warning({ id: 'config_risky', title: 'Files', detail, remedy: 'change the value that is named' }),
      ),
    ];
  },
};

/** What keeps the node from starting, each with its place. */
export const configProblems = (error: ConfigError): Finding[] => error.problems.map(configProblem);

function configProblem({ file, line, column, path, message, suggestion }: ConfigProblem): Finding {
  const place = `${file}:${line}:${column}`;
  const isMissing = message.includes('found none here');
  return failure({
    id: 'config_invalid',
    title: 'Files',
    detail: `${place}: ${path === '' ? '' : `${path}: `}${message}`,
    remedy: isMissing
      ? 'write the files with "fxn init"'
      : suggestion === undefined
        ? `correct ${file} at line ${line}; "fxn config check" says whether it is right`
        : `write "${suggestion}" in ${file} at line ${line}`,
  });
}
