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
    const starting: Promise<ProviderNode> = startNode({
      loaded,
      source,
      key,
      log,
      abort: endProcess,
      onDrainAsked: () => void end(),
      warm,
    });
    const end = createEnd(starting);
    // Before it listens: a signal that comes meanwhile must not end the process the hard way.
    handleSignals({ starting, end, log });
    await starting;
  } catch (thrown) {
    process.exitCode = reportStartFailure(thrown, log);
  }
}

/** Closes the node and ends the process; once, however often and by whomever it is asked. */
function createEnd(starting: Promise<ProviderNode>): () => Promise<void> {
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    const node = await starting.catch(() => undefined);
    if (node === undefined) return;
    await node.close();
    process.exit(exitCodes.done);
  };
  return () => {
    ending ??= end();
    return ending;
  };
}

interface SignalOptions {
  readonly starting: Promise<ProviderNode>;
  readonly end: () => Promise<void>;
  readonly log: Logger;
}

/**
 * A second signal, whichever it is, does not wait for open requests. What the console asks for is no signal: a service
 * manager that stops a draining node sends its first.
 */
function handleSignals({ starting, end, log }: SignalOptions): void {
  let hasCome = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (hasCome) {
      log.warn({ signal }, 'second signal: open requests are cut');
      endProcess(exitCodes.failed);
    }
    hasCome = true;
    log.info({ signal }, 'stopping');
    void end();
  };
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'main failed: the process ends');
    endProcess(exitCodes.internal);
  });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
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
