/** Declares `fxn gpu info`. Runs in the command line. */
import type { Choose, Commands } from './action.js';

const engines = ['auto', 'off', 'webgpu', 'cuda'] as const;

export const declareGpu = (commands: Commands, choose: Choose): Commands =>
  commands.command('gpu', "This machine's GPUs and compute engines", (group) =>
    group
      .usage("$0 gpu <command>\n\nThis machine's GPUs and compute engines.")
      .demandCommand(1, 1, 'Which command?')
      .command(
        'info',
        'Shows the GPUs, and which engines pass their self-test, or why not',
        (options) =>
          options
            .usage(
              '$0 gpu info\n\nSamples the GPUs as a running node does, starts every compute engine, lets each one multiply known matrices, and says which may be used and why others may not.\nExit code 0, whatever was found.',
            )
            .options({
              gpu: {
                choices: engines,
                default: 'auto' as const,
                requiresArg: true,
                describe: 'What compute.gpu would be: "webgpu" also takes adapters that are only software',
              },
              json: { type: 'boolean', describe: 'One JSON object' },
            }),
        (args) =>
          choose(async (io) => {
            const { gpuInfo } = await import('../gpuInfo.js');
            return await gpuInfo(args, io);
          }),
      ),
  );
