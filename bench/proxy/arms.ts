/**
 * The proxies that the benches measure beside each other: the node, what it could be at the least, and its peers. Each
 * runs in processes of its own on loopback, in front of the same mock. A peer that is not installed is skipped with a
 * line that says what to install.
 */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, startBypassNode } from '#test/support/bypassNode.js';
import { freePort } from '#test/support/redisServer.js';
import { startTestNode, type TestNode } from '#test/support/testNode.js';
import type { PeerName } from './options.js';
import { type Cores, findCommand, pin, type Started, start, startProgram, temporaryFolder } from './stage.js';
import { model } from './traffic.js';

export type ArmName = 'direct' | 'node' | 'bare' | 'nginx-whole' | PeerName;

export interface Arm {
  readonly name: ArmName;
  readonly port: number;
  /** The root of its process tree; `undefined` when there is no proxy at all. */
  readonly pid: number | undefined;
  /** What every request needs in addition. */
  readonly headers: Readonly<Record<string, string>>;
  /** The node of the `node` arm. */
  readonly node?: TestNode;
  close(): Promise<void>;
}

export interface ArmOptions {
  readonly backendPort: number;
  readonly cores: Cores | null;
  /** The node and its verifying peers check signatures. */
  readonly isSigned: boolean;
  readonly fronts?: number;
  /** Answers are streams, which nginx is to pass on as they come. */
  readonly isStreaming?: boolean;
  /** More environment for the node. */
  readonly nodeEnv?: Readonly<Record<string, string>>;
}

const nothing: Readonly<Record<string, string>> = {};
const portkeyProgram = fileURLToPath(
  new URL('../../../node_modules/@portkey-ai/gateway/build/start-server.js', import.meta.url),
);

/** Why a peer cannot run here; `undefined` when it can. */
function whyMissing(name: ArmName): string | undefined {
  if (name === 'nginx' || name === 'nginx-whole') {
    return findCommand('nginx') ? undefined : 'apt-get install nginx-light';
  }
  if (name === 'haproxy') return findCommand('haproxy') ? undefined : 'apt-get install haproxy';
  if (name === 'portkey')
    return existsSync(portkeyProgram) ? undefined : 'npm install --no-save @portkey-ai/gateway';
  return undefined;
}

const told = new Set<ArmName>();

/** Those that can run here; the others are named on standard error, once. */
export function presentArms<Name extends ArmName>(names: readonly Name[]): Name[] {
  return names.filter((name) => {
    const install = whyMissing(name);
    if (install !== undefined && !told.has(name)) {
      told.add(name);
      console.error(`${name} is skipped, because it is not installed: ${install}`);
    }
    return install === undefined;
  });
}

/** Started, listening and on its core. */
export async function startArm(name: ArmName, options: ArmOptions): Promise<Arm> {
  const arm = await startUnpinned(name, options);
  if (arm.pid !== undefined) pin(arm.pid, options.cores?.proxy);
  return arm;
}

async function startUnpinned(name: ArmName, options: ArmOptions): Promise<Arm> {
  const { backendPort, isStreaming = false } = options;
  const running = (started: Started, port: number, headers = nothing): Arm => ({
    name,
    port,
    headers,
    pid: started.pid,
    close: started.close,
  });
  const program = async (file: string, ...args: string[]): Promise<Arm> => {
    const started = await startProgram(file, [String(backendPort), ...args]);
    return running(started, started.port);
  };
  switch (name) {
    case 'direct':
      return {
        name,
        port: backendPort,
        headers: nothing,
        pid: undefined,
        close: () => Promise.resolve(),
      };
    case 'node':
      return startNode(options);
    case 'bare':
      return program('bareProxy');
    case 'node-http':
      return program('nodeHttpProxy', 'none');
    case 'node-http-viem':
      return program('nodeHttpProxy', 'viem');
    case 'node-http-native':
      return program('nodeHttpProxy', 'native');
    case 'nginx':
    case 'nginx-whole': {
      const port = await freePort();
      const config = nginxConfig(port, backendPort, { isWholeFirst: name === 'nginx-whole', isStreaming });
      const started = start('nginx', ['-p', config.folder, '-c', config.file], { stdio: 'ignore' });
      await listening(started, port, name);
      return running(started, port);
    }
    case 'haproxy': {
      const port = await freePort();
      const started = start('haproxy', ['-f', haproxyConfig(port, backendPort)], { stdio: 'ignore' });
      await listening(started, port, name);
      return running(started, port);
    }
    case 'portkey': {
      const port = await freePort();
      const started = start(process.execPath, [portkeyProgram, `--port=${port}`, '--headless'], {
        stdio: 'ignore',
        env: { ...process.env, TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
      });
      await listening(started, port, name);
      return running(started, port, {
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `http://127.0.0.1:${backendPort}/v1`,
        authorization: 'Bearer none',
      });
    }
  }
}

async function startNode({ backendPort, isSigned, fronts = 1, nodeEnv = {} }: ArmOptions): Promise<Arm> {
  const common = {
    modelBackends: {
      models: [
        { name: model, backends: [{ url: `http://127.0.0.1:${backendPort}`, maxConcurrency: 10_000 }] },
      ],
    },
    config: { node: { listenPort: 0, threads: fronts }, proxy: { healthInterval: '1h' } },
    env: nodeEnv,
  };
  // No endpoint answers: the scheduler is authorised without any registry.
  const node = isSigned
    ? await startTestNode({
        ...common,
        rpcUrls: ['http://127.0.0.1:9'],
        router: '0x0000000000000000000000000000000000000001',
      })
    : await startBypassNode(common);
  return {
    name: 'node',
    port: node.port,
    headers: nothing,
    pid: node.pid,
    node,
    close: async () => void (await node.close()),
  };
}

/** One process, so that there is one id to end; it serves just as a worker does. */
function nginxConfig(
  port: number,
  backendPort: number,
  { isWholeFirst, isStreaming }: { isWholeFirst: boolean; isStreaming: boolean },
): Record<'folder' | 'file', string> {
  const folder = mkdtempSync(join(temporaryFolder, 'nginx-'));
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(folder, name));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
master_process off;
${process.getuid?.() === 0 ? `user ${userInfo().username};` : ''}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  upstream mock {
    server 127.0.0.1:${backendPort};
    keepalive 2048;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering ${isStreaming ? 'off' : 'on'};
      ${isWholeFirst ? 'client_body_buffer_size 32m;' : 'proxy_request_buffering off;'}
    }
  }
}
`,
  );
  return { folder, file };
}

function haproxyConfig(port: number, backendPort: number): string {
  const file = join(mkdtempSync(join(temporaryFolder, 'haproxy-')), 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-no-delay
  option abortonclose
  http-reuse always
listen mock
  bind 127.0.0.1:${port} backlog 4096
  server mock 127.0.0.1:${backendPort} pool-max-conn 2048
`,
  );
  return file;
}

async function listening(started: Started, port: number, name: string): Promise<void> {
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
        socket.once('close', () => socket.destroy());
        socket.once('connect', () => socket.destroy());
      }),
    (isOpen) => isOpen || started.child.exitCode !== null,
    10_000,
  );
  if (started.child.exitCode !== null) throw new Error(`${name} did not start`);
}
