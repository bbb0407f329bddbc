/**
 * `fxn start` = `node dist/main.js`: runs the node until a signal ends it. First start writes commented
 * configuration files and a key, and says so.
 */
import { ConfigError } from '../config/configError.js';
import { loadConfig } from '../config/loadConfig.js';
import { writeDefaultConfig } from '../config/writeDefaultConfig.js';
import { NodeError } from '../errors/nodeError.js';
import { homePaths, resolveHome } from '../lib/homePaths.js';
import { createLogger, type Logger } from '../logger/logger.js';
import { type ProviderNode, startNode, type WarmThreads } from '../node.js';
import { endProcess } from '../threads/endProcess.js';
import { createAskSecret } from './askSecret.js';
import { exitCodeOf, exitCodes } from './exitCode.js';
import { prepareHome } from './homeFolder.js';
import { prepareStartKey } from './startKey.js';

export interface StartOptions {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface StartSurroundings {
  readonly env: Environment;
  readonly warm?: WarmThreads | undefined;
}

export async function start(options: StartOptions, { env, warm }: StartSurroundings): Promise<void> {
  const home = resolveHome(options.home, env);
  const source = { home, configFile: options.config, modelBackendFile: options.modelBackend, env };
  const paths = homePaths(home, source);
  let log = createLogger({ level: 'info', thread: 'main' });

  try {
    prepareHome(home);
    const written = writeDefaultConfig(paths);
    const loaded = loadConfig(source);
    log = createLogger({ level: loaded.config.logger.verbosity, thread: 'main' });
    for (const file of written) log.info({ file }, 'first start: wrote a commented configuration');
    for (const warning of loaded.warnings) log.warn({ warning }, 'configuration');
    // A prompt that is not seen would be a start that hangs.
    const askSecret = process.stderr.isTTY ? createAskSecret() : undefined;
    const key = (await prepareStartKey(loaded.config.keys, { env, askSecret, log }))();
    // Awaited by the node; a rejection before that must not count as unhandled.
    key.catch(() => undefined);
    const starting = startNode({ loaded, source, key, log, abort: endProcess, warm });
    // Before it listens: a signal that comes meanwhile must not end the process the hard way.
    handleSignals(starting, log);
    await starting;
  } catch (thrown) {
    process.exitCode = reportStartFailure(thrown, log);
  }
}

/** A second signal, whichever it is, does not wait for open requests. */
function handleSignals(starting: Promise<ProviderNode>, log: Logger): void {
  let isClosing = false;
  const close = async (signal: NodeJS.Signals): Promise<void> => {
    if (isClosing) {
      log.warn({ signal }, 'second signal: open requests are cut');
      endProcess(exitCodes.failed);
    }
    isClosing = true;
    log.info({ signal }, 'stopping');
    const node = await starting.catch(() => undefined);
    if (node === undefined) return;
    await node.close();
    process.exit(exitCodes.done);
  };
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'main failed: the process ends');
    endProcess(exitCodes.internal);
  });
  process.on('SIGTERM', (signal) => void close(signal));
  process.on('SIGINT', (signal) => void close(signal));
  process.on('SIGHUP', () => {
    // A start that fails is reported where it is awaited.
    starting.then((node) => node.reload()).catch(() => undefined);
  });
}

/** Every failure is a line of the log; a script reads what is wrong with the configuration on standard error. */
function reportStartFailure(thrown: unknown, log: Logger): number {
  const exitCode = exitCodeOf(thrown);
  if (exitCode === exitCodes.interrupted) return exitCode;
  if (thrown instanceof ConfigError) {
    log.fatal({ code: thrown.code, problems: thrown.problems }, 'the configuration is not valid');
  } else {
    log.fatal({ err: thrown }, thrown instanceof NodeError ? thrown.message : 'the node could not start');
  }
  if (thrown instanceof NodeError && (thrown.code === 'config_invalid' || process.stderr.isTTY)) {
    process.stderr.write(`${thrown.message}\n`);
  }
  return exitCode;
}
