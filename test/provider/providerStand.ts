/**
 * A network with a stake, and homes of providers on it: the command `fxn provider` runs as a process of its own, as
 * an operator runs it. Runs in tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Address, type Hex, parseEther } from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { type FaultyRpc, startFaultyRpc } from '#test/chain/faultyRpc.js';
import { startTestNetwork, type TestNetwork } from '#test/chain/network.js';
import { deployStaking, type TestStaking } from '#test/chain/staking.js';

const program = fileURLToPath(import.meta.resolve('#dist/cli/fxn.js'));

export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  /** Resolves once standard error holds such text; rejects when the command ends without it. */
  said(text: RegExp): Promise<void>;
  readonly result: Promise<CommandResult>;
  /** Ends it as a power cut does, and waits until it is gone. */
  kill(): Promise<void>;
  interrupt(): void;
}

export interface HomeOptions {
  /** The endpoint of the network unless told. */
  readonly rpc?: readonly string[];
  readonly chainId?: number;
  readonly key?: Hex;
  /** ETH; 1 unless told. */
  readonly ether?: string;
  /** Stakes that the owner can pay; 1 unless told. */
  readonly stakes?: bigint;
  readonly registryOwner?: Address;
}

export interface ProviderHome {
  readonly folder: string;
  readonly account: PrivateKeyAccount;
  readonly key: Hex;
  /** Runs `fxn provider …` to its end, without a terminal. */
  run(...words: string[]): Promise<CommandResult>;
  start(...words: string[]): RunningCommand;
}

export interface ProviderStand {
  readonly network: TestNetwork;
  readonly staking: TestStaking;
  /** In front of the network's endpoint. */
  readonly rpc: FaultyRpc;
  /** A call of JSON-RPC to the chain itself. */
  ask(method: string, ...params: unknown[]): Promise<unknown>;
  home(t: TestContext, options?: HomeOptions): Promise<ProviderHome>;
  close(): Promise<void>;
}

export const modelBackend = `models:
  - name: "m"
    fxnId: "2"
    backends:
      - url: "http://127.0.0.1:8000"
`;

/** 1 gwei, so that transactions cost something. */
const baseFee = 10n ** 9n;

export async function startProviderStand(): Promise<ProviderStand> {
  const network = await startTestNetwork();
  const staking = await deployStaking(network);
  const rpc = await startFaultyRpc(network.rpcUrl);
  const ask = async (method: string, ...params: unknown[]): Promise<unknown> => {
    const response = await fetch(network.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const reply = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result;
  };
  await ask('anvil_setNextBlockBaseFeePerGas', `0x${baseFee.toString(16)}`);
  await network.mine();

  return {
    network,
    staking,
    rpc,
    ask,
    async home(t, options = {}) {
      const { key = generatePrivateKey(), ether = '1', stakes = 1n } = options;
      const account = privateKeyToAccount(key);
      await ask('anvil_setBalance', account.address, `0x${parseEther(ether).toString(16)}`);
      if (stakes > 0n) await staking.mint(account.address, stakes * staking.stake);
      const folder = mkdtempSync(join(tmpdir(), 'fxn-provider-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      writeHome(folder, network, options, key);
      const start = (...words: string[]): RunningCommand => startCommand(t, folder, words);
      return { folder, account, key, start, run: (...words) => start(...words).result };
    },
    async close() {
      await rpc.close();
      await network.close();
    },
  };
}

function writeHome(folder: string, network: TestNetwork, options: HomeOptions, key: Hex): void {
  const { rpc = [network.rpcUrl], chainId = network.chainId, registryOwner = '' } = options;
  mkdirSync(folder, { recursive: true });
  const config = `rpcProvider: ${JSON.stringify(rpc)}
schedulerAddress: "0x0a7A1fF52515C24FAa17c13B916679926272ffc4"
chainId: ${chainId}
node: { publicUrl: "https://node.example.com" }
registry:
  routerSmartContractAddress: "${network.routerAddress}"
  owner: "${registryOwner}"
`;
  writeFileSync(join(folder, 'config.yaml'), config);
  writeFileSync(join(folder, 'model_backend.yaml'), modelBackend);
  writeFileSync(join(folder, 'nodekey.json'), JSON.stringify({ private_key: key.slice(2) }), { mode: 0o600 });
}

function startCommand(t: TestContext, folder: string, words: readonly string[]): RunningCommand {
  const child: ChildProcess = spawn(process.execPath, [program, 'provider', ...words], {
    env: { ...process.env, FXN_HOME: folder, FXN_KEY_PASSWORD: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  const listeners = new Set<() => void>();
  child.stdout!.on('data', (bytes: Buffer) => {
    printed.out += bytes.toString('utf8');
  });
  child.stderr!.on('data', (bytes: Buffer) => {
    printed.err += bytes.toString('utf8');
    for (const listener of listeners) listener();
  });
  const result = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...printed }));
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await result;
  };
  t.after(kill);
  const said = (text: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (text.test(printed.err)) resolve();
      };
      listeners.add(look);
      look();
      void result.then(() => reject(new Error(`ended without ${text}:\n${printed.err}`)));
    });
  return { said, result, kill, interrupt: () => void child.kill('SIGINT') };
}
