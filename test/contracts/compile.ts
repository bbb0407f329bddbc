/**
 * Compiles the test contracts with solc and keeps the result under `dist/`, named after the sources: compiling
 * takes seconds, loading the compiler alone one. Runs in tests, the demo and benches.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Hex } from 'viem';

export const contractNames = [
  'Router',
  'GatewayRegistry',
  'ProviderRegistry',
  'FuncToken',
  'Staking',
  'Multicall3',
] as const;
export type ContractName = (typeof contractNames)[number];

export interface CompiledContract {
  /** Creation code: what a deployment sends. */
  readonly bytecode: Hex;
  /** Code of the deployed contract, for `anvil_setCode`. */
  readonly runtimeBytecode: Hex;
}

export type CompiledContracts = Readonly<Record<ContractName, CompiledContract>>;

// Both from `dist/test/contracts/`, where this file runs.
const sourcesFolder = fileURLToPath(new URL('../../../test/contracts/', import.meta.url));
const cacheFolder = fileURLToPath(new URL('../../.contracts/', import.meta.url));

interface SolcOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Record<
    string,
    Record<string, { evm: { bytecode: { object: string }; deployedBytecode: { object: string } } }>
  >;
}

/** The contracts of `test/contracts/*.sol`; throws with the compiler's words when they do not compile. */
export async function compileContracts(): Promise<CompiledContracts> {
  const files = (await readdir(sourcesFolder)).filter((name) => name.endsWith('.sol')).sort();
  const sources: Record<string, { content: string }> = {};
  for (const file of files) sources[file] = { content: await readFile(`${sourcesFolder}${file}`, 'utf8') };
  const input = JSON.stringify({
    language: 'Solidity',
    sources,
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'paris',
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  });
  const cached = `${cacheFolder}${createHash('sha256').update(input).digest('hex').slice(0, 16)}.json`;
  const hit = await readFile(cached, 'utf8').catch(() => undefined);
  if (hit !== undefined) return JSON.parse(hit) as CompiledContracts;

  const compiled = compile(input);
  await mkdir(cacheFolder, { recursive: true });
  // Test files run side by side: only whole files get the final name.
  const partial = `${cached}.${process.pid}`;
  await writeFile(partial, JSON.stringify(compiled));
  await rename(partial, cached);
  return compiled;
}

function compile(input: string): CompiledContracts {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const output = JSON.parse(solc.compile(input)) as SolcOutput;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  const codeOf = (name: ContractName): CompiledContract => {
    const evm = output.contracts[`${name}.sol`]?.[name]?.evm;
    if (evm === undefined) throw new Error(`${name}.sol has no contract ${name}`);
    return { bytecode: `0x${evm.bytecode.object}`, runtimeBytecode: `0x${evm.deployedBytecode.object}` };
  };
  return {
    Router: codeOf('Router'),
    GatewayRegistry: codeOf('GatewayRegistry'),
    ProviderRegistry: codeOf('ProviderRegistry'),
    FuncToken: codeOf('FuncToken'),
    Staking: codeOf('Staking'),
    Multicall3: codeOf('Multicall3'),
  };
}
