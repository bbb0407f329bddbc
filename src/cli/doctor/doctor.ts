/** `fxn doctor`: looks at everything that a node needs and says of each thing that is wrong what to do. Runs in the command line. */
import { examine } from '../../doctor/examine.js';
import { homePaths, resolveHome } from '../../lib/homePaths.js';
import type { CliIo, StreamIo } from '../cliIo.js';
import { exitCodes, withExitCode } from '../exitCode.js';
import { countsOf, doctorText } from './doctorText.js';

export interface DoctorCommandOptions {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
  readonly generate?: boolean | undefined;
  readonly noPublic?: boolean | undefined;
  readonly noEngines?: boolean | undefined;
  readonly strict?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export function doctor(options: DoctorCommandOptions, io: CliIo & StreamIo): Promise<number> {
  return withExitCode(io, async () => {
    const { env, signal } = io;
    const paths = homePaths(resolveHome(options.home, env), {
      configFile: options.config,
      modelBackendFile: options.modelBackend,
    });
    const progress = options.json === true ? undefined : io.progress;
    try {
      const groups = await examine({
        paths,
        env,
        signal,
        options: {
          generate: options.generate === true,
          publicUrl: options.noPublic !== true,
          engines: options.noEngines !== true,
        },
        ...(progress && {
          onProgress: (waiting) => progress(progressLine(waiting)),
        }),
      });
      progress?.('');
      const findings = groups.flatMap(({ group, findings: found }) =>
        found.map((finding) => ({ group, ...finding })),
      );
      const counts = countsOf(findings);
      const isWell = counts.failure === 0 && (counts.warning === 0 || options.strict !== true);
      if (options.json === true) io.out(JSON.stringify({ isWell, counts, findings }));
      else io.out(doctorText(groups, { isColoured: io.stdout.isTTY === true && !env['NO_COLOR'] }));
      return isWell ? exitCodes.done : exitCodes.failed;
    } catch (thrown) {
      progress?.('');
      if (!signal.aborted) throw thrown;
      io.err('Broken off.');
      return exitCodes.interrupted;
    }
  });
}

/** Short, because a line that wraps cannot be replaced. */
function progressLine(waiting: readonly string[]): string {
  if (waiting.length === 0) return '';
  return `Checking, ${waiting.length} left: ${waiting.slice(0, 2).join(', ')} …`;
}
