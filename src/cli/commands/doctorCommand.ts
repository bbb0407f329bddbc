/** Declares `fxn doctor`. Runs in the command line. */
import type { Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';
import { untilInterrupted } from './interruption.js';

export const declareDoctor = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'doctor',
    'Checks everything that a node needs, and says what to do about what is wrong',
    (options) =>
      withConfigFiles(options)
        .usage(
          '$0 doctor\n\nChecks configuration, key, clock, RPC endpoints, contracts, registration, backends, ports, public URL, compute engines and this machine, whether the node runs or not.\nExit code 0 without failures, 1 with one (with --strict also with a warning), 2 for a wrong call.',
        )
        .options({
          generate: {
            type: 'boolean',
            describe: 'Has each backend generate one token, which may cost something',
          },
          'no-public': { type: 'boolean', describe: 'Does not ask for node.publicUrl' },
          'no-engines': { type: 'boolean', describe: 'Does not start the compute engines' },
          strict: { type: 'boolean', describe: 'Exit code 1 for warnings too' },
          json: { type: 'boolean', describe: 'One JSON object' },
        }),
    (args) =>
      choose(async (io) => {
        const { doctor } = await import('../doctor/doctor.js');
        return untilInterrupted((signal) => doctor(args, { ...io, signal }));
      }),
  );
