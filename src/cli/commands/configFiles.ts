/** The options that name single configuration files, for the commands that load them. */
import type { Argv } from 'yargs';

export const withConfigFiles = <T>(options: Argv<T>) =>
  options
    .option('config', {
      type: 'string',
      requiresArg: true,
      describe: 'File to use instead of config.yaml in the home folder',
    })
    .option('model-backend', {
      type: 'string',
      requiresArg: true,
      describe: 'File to use instead of model_backend.yaml in the home folder',
    });
