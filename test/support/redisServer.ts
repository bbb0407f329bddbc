/** A real redis-server on a free loopback port, without persistence, that a test may stop, kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { endWithTests } from './endWithTests.js';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Runs one command on a connection of its own. */
  command(...command: string[]): Promise<unknown>;
  signal(signal: NodeJS.Signals): void;
  /** Ends the server at once; what it held is lost. */
  kill(): Promise<void>;
  /** Starts it on the same port, empty. */
  start(...options: string[]): Promise<void>;
  close(): Promise<void>;
}

/** @param options of redis-server, such as `--maxmemory-policy allkeys-lru` */
export async function startRedis(...options: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'fxn-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();

  const start = async (...more: string[]): Promise<void> => {
    const started = spawn(
      'redis-server',
      [
        ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
        ...['--dir', folder, ...options, ...more],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    endWithTests(started);
    child = started;
    ended = once(started, 'close').catch(() => undefined);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      started.stdout.on('data', (text) => {
        said += String(text);
        if (said.includes('Ready to accept connections')) resolve();
      });
      started.once('error', reject);
      started.once('close', () => reject(new Error(`redis-server did not start:\n${said}`)));
    });
  };
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL');
    await ended;
  };

  await start().catch((thrown: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw thrown;
  });
  return {
    url,
    port,
    async command(...command) {
      const client = createClient({ url, RESP: 2 });
      client.on('error', () => undefined);
      await client.connect();
      try {
        return await client.sendCommand(command);
      } finally {
        client.destroy();
      }
    },
    signal: (signal) => void child?.kill(signal),
    kill,
    start,
    async close() {
      // A stopped process is not ended by less.
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
