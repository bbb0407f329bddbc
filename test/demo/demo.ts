/**
 * `npm run demo`: a whole network on one machine. A local chain with the registries, a gateway and a provider
 * registered on it, an inference server, the real node, and a signed chat through all of them. Then it stays,
 * and says how to send more. Needs nothing but `npm ci`.
 */

import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Address } from 'viem';
import { startTestNetwork } from '../chain/network.js';
import { chat } from './chat.js';
import { startDemoBackend } from './demoBackend.js';
import { createDemoHome, type DemoHome, freePort, writeDemoConfig } from './demoHome.js';
import { type DemoNode, startDemoNode } from './demoNode.js';
import { createProgress } from './progress.js';
import { wrapText } from './wrapText.js';

const usage = `npm run demo -- [--backend URL] [--port N] [--once]

  --backend URL  An OpenAI-compatible server to use instead of the built-in one
  --port N       The node's port; a free one unless told
  --once         End after the first answer`;

const question = 'What am I talking to?';
const backendDeadlineMs = 5_000;
const maxColumns = 100;

interface DemoOptions {
  readonly backend: string | undefined;
  readonly port: number | undefined;
  readonly once: boolean;
}

const { stdout } = process;
const say = (text: string): void => void stdout.write(`${text}\n`);
const progress = createProgress(stdout, process.env);
const closers: (() => Promise<unknown>)[] = [];

async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  say(`\n${progress.bold('A provider node and its network, on this machine')}\n`);

  const home = await createDemoHome();
  process.on('exit', () => rmSync(home.path, { recursive: true, force: true }));
  closers.push(() => rm(home.path, { recursive: true, force: true }));

  const backend = await progress.step(
    'backend',
    options.backend === undefined ? 'starting a demo backend' : 'asking your backend for its models',
    () => openBackend(options.backend),
  );
  const network = await progress.step(
    'chain',
    'starting Anvil, compiling and deploying the registries (the first time takes longest)',
    async () => {
      const started = await startTestNetwork();
      closers.push(() => started.close());
      return [started, `Anvil at ${started.rpcUrl}, registries deployed`];
    },
  );
  await progress.step('gateway', 'registering the gateway', async () => {
    await network.gateways.register(home.gateway.checksumAddress as Address);
    return [undefined, `${home.gateway.checksumAddress} registered: it may send requests`];
  });
  await progress.step('provider', 'registering the provider', async () => {
    await network.providers.register(home.provider.checksumAddress as Address);
    return [undefined, `${home.provider.checksumAddress} registered: this node`];
  });

  const port = options.port ?? (await freePort());
  const { rpcUrl, routerAddress } = network;
  await writeDemoConfig(home, { port, rpcUrl, routerAddress, backendUrl: backend.url, model: backend.model });
  const url = `http://127.0.0.1:${port}`;
  const node = await progress.step('node', 'starting', async (sayDoing) => {
    const started = await startDemoNode(home.path);
    closers.push(() => started.close());
    await started.waitForReady(sayDoing);
    return [started, `${url}, ready`];
  });

  say(`\n  ${progress.dim('The gateway signs a request for a chat and sends it to the node:')}`);
  say(`  ${progress.bold(question)}\n`);
  const figures = await chat({
    url,
    model: backend.model,
    question,
    caller: home.gateway,
    signal,
    print: printer(),
  });
  const { status, firstTokenMs, totalMs } = figures;
  say(
    `\n\n  ${progress.dim(`${status}, first token after ${Math.round(firstTokenMs)} ms, all after ${(totalMs / 1_000).toFixed(2)} s`)}\n`,
  );

  if (options.once) {
    await closeAll();
    return;
  }
  sayWhatNext({ home, node, url, model: backend.model });
  const exitCode = await node.exited;
  throw new Error(`The node ended by itself with ${exitCode}. The end of its log:\n${node.logTail()}`);
}

interface OpenBackend {
  readonly url: string;
  readonly model: string;
}

async function openBackend(url: string | undefined): Promise<readonly [OpenBackend, string]> {
  if (url === undefined) {
    const started = await startDemoBackend();
    closers.push(() => started.close());
    return [started, `${started.url}, a demo backend that serves ${started.model}`];
  }
  const base = url.replace(/\/$/, '').replace(/\/v1$/, '');
  const model = await firstModel(base);
  return [{ url: base, model }, `${base}, serves ${model}`];
}

async function firstModel(base: string): Promise<string> {
  try {
    const response = await fetch(`${base}/v1/models`, { signal: AbortSignal.timeout(backendDeadlineMs) });
    const { data } = (await response.json()) as { data?: { id?: unknown }[] };
    const id = data?.[0]?.id;
    if (typeof id === 'string') return id;
    throw new Error(`it answered ${response.status} without a model`);
  } catch (cause) {
    const { message, cause: inner } = cause as Error;
    const reason = inner instanceof Error ? inner.message : message;
    throw new Error(`${base}/v1/models does not list a model: ${reason}.`, { cause });
  }
}

function printer(): (text: string) => void {
  if (stdout.isTTY !== true) return (text) => void stdout.write(text);
  const columns = Math.min(maxColumns, stdout.columns) - 2;
  return wrapText((text) => void stdout.write(text), { indent: '  ', columns });
}

interface WhatNext {
  readonly home: DemoHome;
  readonly node: DemoNode;
  readonly url: string;
  readonly model: string;
}

function sayWhatNext({ home, node, url, model }: WhatNext): void {
  const program = `node ${shellWord(fileURLToPath(import.meta.resolve('#dist/cli/fxn.js')))}`;
  // One line would be wider than most terminals, and not every terminal copies a wrapped one whole.
  const command = (words: string): string =>
    `  ${program} send ${words} \\\n    --url ${url} --key ${shellWord(home.gatewayKeyFile)}`;
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello!' }] });
  say(
    [
      progress.bold('Send more from another terminal, signed by the gateway:'),
      '',
      command('/v1/models'),
      '',
      command(`/v1/chat/completions \\\n    ${shellWord(body)}`),
      '',
      progress.bold('Look at it:'),
      '',
      `  metrics    ${node.adminUrl}/metrics`,
      `  readiness  ${node.adminUrl}/ready`,
      `  log        ${node.logFile}`,
      `  home       ${home.path}  ${progress.dim('(configuration and keys)')}`,
      '',
      'Ctrl-C ends the demo and removes its home.',
      '',
    ].join('\n'),
  );
}

/** As it has to be typed in a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function parseOptions(): DemoOptions | undefined {
  try {
    const { values } = parseArgs({
      options: {
        backend: { type: 'string' },
        port: { type: 'string' },
        once: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      say(usage);
      process.exit(0);
    }
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
      throw new Error('--port takes a number from 1 to 65535.');
    }
    if (values.backend !== undefined && !/^https?:\/\/./.test(values.backend)) {
      throw new Error('--backend takes a URL that starts with http:// or https://.');
    }
    return { backend: values.backend, port, once: values.once === true };
  } catch (thrown) {
    process.stderr.write(`${usage}\n\n${(thrown as Error).message}\n`);
    return undefined;
  }
}

const options = parseOptions();
if (options === undefined) process.exit(2);

const interruption = new AbortController();
let isStopping = false;
const stop = (signal: NodeJS.Signals): void => {
  // Whoever asks twice does not want to wait; what still runs is killed on exit.
  if (isStopping) process.exit(1);
  isStopping = true;
  interruption.abort();
  say(`\n${signal === 'SIGINT' ? 'Ctrl-C' : signal}: stopping the node, the chain and the backend …`);
  closeAll().then(
    () => {
      say('Stopped. The demo has left nothing behind.');
      process.exit(0);
    },
    () => process.exit(1),
  );
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
process.on('SIGHUP', stop);

try {
  await runDemo(options, interruption.signal);
  process.exit(0);
} catch (thrown) {
  // Stopping makes what is under way fail; that is no news.
  if (!isStopping) {
    process.stderr.write(`\n${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    await closeAll();
    process.exit(1);
  }
}
