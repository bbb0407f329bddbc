/**
 * `fxn start` = `node dist/main.js`: runs the node until a signal ends it. First start writes commented
 * configuration files and a key, and says so.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { ConfigError } from '../config/configError.js';
import { type LoadedConfig, loadConfig } from '../config/loadConfig.js';
import { writeDefaultConfig } from '../config/writeDefaultConfig.js';
import { NodeError } from '../errors/nodeError.js';
import { readKeyFile, writeKeyFile } from '../keys/keyFile.js';
import { generatePrivateKey, type NodeKey } from '../keys/nodeKey.js';
import { readPasswordFile } from '../keys/passwordFile.js';
import { homePaths, resolveHome } from '../lib/homePaths.js';
import { createLogger, type Logger } from '../logger/logger.js';
import { type ProviderNode, startNode, type WarmThreads } from '../node.js';
import { endProcess } from '../threads/endProcess.js';

export interface StartOptions {
  readonly home?: string | undefined;
  readonly config?: string | undefined;
  readonly modelBackend?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** 1 is any other failure before the node runs; 70 (EX_SOFTWARE) asks the service manager to start it again. */
const exitCodes = { ok: 0, failure: 1, usage: 2, inUse: 3, internal: 70 } as const;

export interface StartSurroundings {
  readonly env: Environment;
  readonly warm?: WarmThreads | undefined;
}

/** A second signal of the same kind does not wait for open requests. */
export async function start(options: StartOptions, { env, warm }: StartSurroundings): Promise<void> {
  const home = resolveHome(options.home, env);
  const source = { home, configFile: options.config, modelBackendFile: options.modelBackend, env };
  const paths = homePaths(home, source);
  let log = createLogger({ level: 'info', thread: 'main' });

  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const written = writeDefaultConfig(paths);
    const loaded = loadConfig(source);
    log = createLogger({ level: loaded.config.logger.verbosity, thread: 'main' });
    for (const file of written) log.info({ file }, 'first start: wrote a commented configuration');
    for (const warning of loaded.warnings) log.warn({ warning }, 'configuration');
    const key = openOrCreateKey(loaded, env, log);
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

async function openOrCreateKey(loaded: LoadedConfig, env: Environment, log: Logger): Promise<NodeKey> {
  const { file, passwordFile } = loaded.config.keys;
  const password = passwordFile === '' ? env['FXN_KEY_PASSWORD'] : await readPasswordFile(passwordFile);
  if (existsSync(file)) return readKeyFile(file, password, (warning) => log.warn({ warning }, 'key file'));
  const key = await writeKeyFile(file, generatePrivateKey(), password === undefined ? {} : { password });
  log.info(
    { file, address: key.checksumAddress, encrypted: password !== undefined },
    'first start: wrote a key',
  );
  if (password === undefined) {
    log.warn({ file, remedy: 'set FXN_KEY_PASSWORD or keys.passwordFile' }, 'the key is not encrypted');
  }
  return key;
}

function handleSignals(starting: Promise<ProviderNode>, log: Logger): void {
  let isClosing = false;
  const close = async (signal: NodeJS.Signals): Promise<void> => {
    if (isClosing) {
      log.warn({ signal }, 'second signal: open requests are cut');
      endProcess(exitCodes.failure);
    }
    isClosing = true;
    log.info({ signal }, 'stopping');
    const node = await starting.catch(() => undefined);
    if (node === undefined) return;
    await node.close();
    process.exit(exitCodes.ok);
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

function reportStartFailure(thrown: unknown, log: Logger): number {
  if (thrown instanceof ConfigError) {
    log.fatal({ code: thrown.code, problems: thrown.problems }, 'the configuration is not valid');
    process.stderr.write(`${thrown.message}\n`);
    return exitCodes.usage;
  }
  if (!(thrown instanceof NodeError)) {
    log.fatal({ err: thrown }, 'the node could not start');
    return exitCodes.failure;
  }
  log.fatal({ err: thrown }, thrown.message);
  process.stderr.write(`${thrown.message}\n`);
  switch (thrown.code) {
    case 'config_invalid':
    case 'key_file':
      return exitCodes.usage;
    case 'port_in_use':
    case 'home_locked':
      return exitCodes.inUse;
    default:
      return exitCodes.failure;
  }
}
