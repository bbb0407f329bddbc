/**
 * A real local chain: Foundry's Anvil as a child process. Runs in tests, the demo and benches.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

export interface AnvilOptions {
  /** 84532, Base Sepolia, unless told: what nodes are configured for by default. */
  readonly chainId?: number;
  /** Any free port unless told. */
  readonly port?: number;
  /** More arguments for the program. */
  readonly args?: readonly string[];
}

export interface Anvil {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly chainId: number;
  readonly pid: number;
  /** Ends the process and waits for it. */
  close(): Promise<void>;
}

const startDeadlineMs = 60_000;
/** Every process that runs, with the folder that it keeps older states of its chain in. */
const running = new Map<ChildProcess, string>();
process.on('exit', () => {
  for (const [child, folder] of running) {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The package's binary, else `anvil` on the PATH. */
function findAnvil(): string {
  const require = createRequire(import.meta.url);
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  try {
    const binary = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'anvil');
    if (existsSync(binary)) return binary;
  } catch {
    // The package exists for some platforms only.
  }
  return 'anvil';
}

export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const { chainId = 84_532, port = 0, args = [] } = options;
  // Of its own, because in its default place under the home folder it would stay.
  const folder = mkdtempSync(join(tmpdir(), 'fxn-anvil-'));
  const child = spawn(
    findAnvil(),
    [
      ...['--cache-path', folder],
      ...['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId)],
      // Room for lists of 10,000 entries, which no public chain would answer in one call.
      ...['--gas-limit', '100000000000', '--memory-limit', '1073741824', '--no-request-size-limit'],
      ...['--accounts', '2', '--block-base-fee-per-gas', '0', '--gas-price', '0', '--hardfork', 'prague'],
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.set(child, folder);
  const end = (): void => {
    running.delete(child);
    rmSync(folder, { recursive: true, force: true });
  };
  child.once('exit', end);
  child.once('error', end);

  const exited = once(child, 'exit');
  exited.catch(() => undefined);
  const listening = await portOf(child);
  return {
    url: `http://127.0.0.1:${listening}`,
    port: listening,
    chainId,
    pid: child.pid as number,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Waits for the line that names the port, and goes on reading, so that the pipe never fills. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`${why}\n${said.slice(-20).join('\n')}`));
    };
    const timer = setTimeout(() => fail('anvil did not start in time'), startDeadlineMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      const isMissing = 'code' in error && error.code === 'ENOENT';
      reject(
        isMissing
          ? new Error('no anvil: install Foundry (https://getfoundry.sh) so that `anvil` is on the PATH', {
              cause: error,
            })
          : error,
      );
    });
    child.once('exit', (status) => {
      clearTimeout(timer);
      fail(`anvil ended with ${status} before it listened`);
    });
    const listen = (stream: NodeJS.ReadableStream): void => {
      createInterface({ input: stream }).on('line', (line) => {
        const port = /Listening on .*:(\d+)/.exec(line)?.[1];
        if (port !== undefined) {
          clearTimeout(timer);
          resolve(Number(port));
        } else if (said.length < 200) said.push(line);
      });
    };
    if (child.stdout !== null) listen(child.stdout);
    if (child.stderr !== null) listen(child.stderr);
  });
}
