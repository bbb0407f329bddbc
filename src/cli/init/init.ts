/**
 * `fxn init`: looks at what is on this machine, asks on a terminal for what it cannot know, and writes the home of a
 * node: a key, `model_backend.yaml` and, last, `config.yaml`, without which no node starts. Runs in the command line.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { baseSepolia } from '../../config/baseSepolia.js';
import { ConfigError, problemText } from '../../config/configError.js';
import { loadConfig } from '../../config/loadConfig.js';
import type { WrittenModel } from '../../config/modelBackendTemplate.js';
import { checksumAddress } from '../../keys/checksumAddress.js';
import { openKeyFile, writeKeyFile } from '../../keys/keyFile.js';
import { generatePrivateKey } from '../../keys/nodeKey.js';
import { readPasswordFile } from '../../keys/passwordFile.js';
import { type HomePaths, homePaths } from '../../lib/homePaths.js';
import type { CliIo, StreamIo } from '../cliIo.js';
import { exitCodes, withExitCode } from '../exitCode.js';
import { prepareHome } from '../homeFolder.js';
import { UsageError } from '../usageError.js';
import { ask, otherValues, saidValues } from './chooseConfig.js';
import { askModels, foundBackends, givenModels, grouped } from './chooseModels.js';
import { type ChosenRpcs, checkGivenRpcs, chooseKnownRpcs } from './chooseRpc.js';
import { type PlannedFiles, planFiles, writePlanned } from './initFiles.js';
import { type GivenSetup, type InitOptions, readInitOptions } from './initOptions.js';
import { nextSteps, surroundingsText } from './initText.js';
import { lookAround, probeAll, type Surroundings } from './lookAround.js';

type InitIo = CliIo & Pick<StreamIo, 'signal'>;

export function init(options: InitOptions, io: InitIo): Promise<number> {
  return withExitCode(io, async () => {
    try {
      return await setUp(options, io);
    } catch (thrown) {
      if (!io.signal.aborted) throw thrown;
      io.err('Broken off.');
      return exitCodes.interrupted;
    }
  });
}

async function setUp(options: InitOptions, io: InitIo): Promise<number> {
  const given = readInitOptions(options);
  const askLine = options.yes === true ? undefined : io.askLine;
  if (options.yes !== true && askLine === undefined) {
    throw new UsageError(
      'There is no terminal to ask on: add --yes to take what is found, and the defaults where no option says otherwise.',
    );
  }
  const paths = homePaths(options.home);
  const chainId = given.chainId ?? baseSepolia.chainId;
  const isKnownChain = chainId === baseSepolia.chainId;
  const hasConfig = existsSync(paths.configFile);
  const knownRpcs = isKnownChain && !hasConfig ? baseSepolia.rpcUrls : [];

  io.progress?.('Looking for inference servers, GPUs and RPC endpoints …');
  const { hosts, models } = given;
  const rpcUrls = given.rpcUrls.length > 0 ? given.rpcUrls : knownRpcs;
  const around = await lookAround({ hosts, models, rpcUrls, env: io.env, signal: io.signal });
  io.progress?.('');
  io.out(surroundingsText(around));

  const wantedModels = await chooseModels({ given, around, askLine, paths }, io);
  const said = saidValues(given, options.passwordFile && resolve(options.passwordFile));
  const config = { ...said };
  if (!hasConfig) {
    const chosen = await chooseRpcs({ given, around, chainId, askLine }, io);
    Object.assign(config, { chainId, rpcProvider: chosen }, await otherValues(given, chainId, askLine));
  }
  const [only, ...others] = wantedModels;
  const fallback = only !== undefined && others.length === 0 ? only.name : '';
  const plan = planFiles(paths, { config, said: Object.keys(said), models: wantedModels, fallback }, io.env);
  if (hasConfig) report(checkGivenRpcs(around.rpcs, plan.loaded.config.chainId), io);
  for (const warning of plan.loaded.warnings) io.err(`warning: ${warning}`);
  return write({ plan, paths, options }, io);
}

interface Choice {
  readonly given: GivenSetup;
  readonly around: Surroundings;
  readonly askLine: CliIo['askLine'];
}

async function chooseModels(
  { given, around, askLine, paths }: Choice & { readonly paths: HomePaths },
  io: InitIo,
): Promise<WrittenModel[]> {
  const warn = (warning: string): void => io.err(`warning: ${warning}`);
  if (given.models.length > 0) return givenModels(given.models, around.servers, warn);
  // The file says what is served.
  if (existsSync(paths.modelBackendFile)) return [];
  const found = foundBackends(around.servers);
  const chosen =
    askLine === undefined ? grouped(found) : await askModels(found, askLine, (text) => io.out(text));
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    'No inference server with a model was found: start one and try again, look on other hosts with --scan HOST, or name it with --model NAME=URL.',
  );
}

async function chooseRpcs(
  { given, around, chainId, askLine }: Choice & { readonly chainId: number },
  io: InitIo,
): Promise<readonly string[]> {
  if (given.rpcUrls.length > 0) return report(checkGivenRpcs(around.rpcs, chainId), io);
  const known = chooseKnownRpcs(around.rpcs, chainId);
  if (askLine === undefined) {
    if (known.urls.length > 0) return report(known, io);
    throw new UsageError(`--rpc is needed: no RPC endpoint of chain ${chainId} is known.`);
  }
  for (const warning of known.warnings) io.err(`warning: ${warning}`);
  for (;;) {
    const fallback = known.urls.length > 0 ? known.urls.join(' ') : undefined;
    const urls = await ask(askLine, `RPC URLs of chain ${chainId}`, fallback, (answer) =>
      answer.split(/[\s,]+/),
    );
    if (urls.join(' ') === fallback) return urls;
    const checked = checkGivenRpcs(await probeAll(urls, io.env, io.signal), chainId);
    for (const line of [...checked.warnings, ...checked.faults]) io.err(`warning: ${line}`);
    if (checked.faults.length === 0) return urls;
  }
}

function report({ urls, warnings, faults }: ChosenRpcs, io: InitIo): readonly string[] {
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  for (const warning of warnings) io.err(`warning: ${warning}`);
  return urls;
}

interface Writing {
  readonly plan: PlannedFiles;
  readonly paths: HomePaths;
  readonly options: InitOptions;
}

/** The key first, `config.yaml` last: what breaks off in between leaves whole files, and the next run adds the rest. */
async function write({ plan, paths, options }: Writing, io: InitIo): Promise<number> {
  const { file, passwordFile } = plan.loaded.config.keys;
  const isKeyThere = existsSync(file);
  const password = isKeyThere ? undefined : await keyPassword(options, passwordFile, io);
  io.signal.throwIfAborted();
  prepareHome(paths.home);
  const address = isKeyThere
    ? (await openKeyFile(file, (warning) => io.err(warning))).address
    : (await writeKeyFile(file, generatePrivateKey(), { password })).address;
  io.out('');
  if (isKeyThere) io.out(`kept     ${file}`);
  else io.out(`written  ${file}${password === undefined ? '  (not encrypted)' : ''}`);
  for (const planned of plan.missing) {
    io.signal.throwIfAborted();
    io.out(`${(await writePlanned(planned)) ? 'written ' : 'kept    '} ${planned.path}`);
  }
  const written = new Set(plan.missing.map(({ path }) => path));
  for (const path of [paths.modelBackendFile, paths.configFile]) {
    if (!written.has(path)) io.out(`kept     ${path}`);
  }
  if (password === undefined && !isKeyThere) {
    io.err('warning: the key is not encrypted: whoever can read its file owns it.');
  }
  const { config, modelBackends } = loadWritten(paths, io);
  for (const difference of plan.differences) io.out(`not as asked for: ${difference}`);
  if (plan.differences.length > 0) {
    io.err('Files that exist are never changed: edit them, or move them away and run "fxn init" again.');
  }
  io.out(
    nextSteps({
      home: options.home,
      env: io.env,
      address: address === undefined ? undefined : checksumAddress(address),
      config,
      models: modelBackends.models.map(({ name }) => name),
    }),
  );
  return plan.differences.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** What is on the disk now, read as the node reads it. */
function loadWritten({ home }: HomePaths, io: InitIo) {
  try {
    return loadConfig({ home, env: io.env });
  } catch (thrown) {
    if (thrown instanceof ConfigError) for (const problem of thrown.problems) io.err(problemText(problem));
    throw thrown;
  }
}

/** @param configuredFile what `keys.passwordFile` will be, from the option or from a file that exists; empty = none */
async function keyPassword(
  options: InitOptions,
  configuredFile: string,
  io: InitIo,
): Promise<string | undefined> {
  if (options.plain === true) return undefined;
  if (configuredFile !== '') return readPasswordFile(configuredFile, io.err);
  const fromEnv = io.env['FXN_KEY_PASSWORD'];
  if (fromEnv !== undefined && fromEnv !== '') return fromEnv;
  if (options.yes === true || io.askSecret === undefined) return undefined;
  for (;;) {
    const password = await io.askSecret("Password for the node's key (empty = not encrypted): ");
    if (password === '') return undefined;
    if ((await io.askSecret('The same again: ')) === password) return password;
    io.err('The two differ.');
  }
}
