/**
 * A Function Network of one's own on Anvil: Router, both registries and Multicall3, with verbs to change them.
 * The deployer acts for every owner, so nothing here needs the keys of gateways or providers.
 * Runs in tests, the demo and benches.
 */
import {
  type Abi,
  type Address,
  createTestClient,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  http,
  parseAbi,
  publicActions,
  stringToHex,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
  walletActions,
  zeroAddress,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { gatewayRegistryAbi } from '#abis/gatewayRegistry.js';
import { multicall3Address } from '#abis/multicall3.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { type CompiledContracts, compileContracts } from '../contracts/compile.js';
import { type Anvil, type AnvilOptions, startAnvil } from './anvil.js';

/** Anvil's first account, the same on every Anvil. */
const deployer = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');

const routerSetters = parseAbi([
  'function setGatewayRegistry(address to)',
  'function setProviderRegistry(address to)',
]);
const gatewayAdminAbi = [
  ...gatewayRegistryAbi,
  ...parseAbi([
    'function registerFor(address owner, bytes id, string metadata)',
    'function registerMany(uint256 first, uint256 count, string metadata)',
    'function unregister(bytes id)',
  ]),
] as const;
const providerAdminAbi = [
  ...providerRegistryAbi,
  ...parseAbi(['function registerFor(address owner, bytes id, uint256 modelId, string metadata)']),
] as const;

export interface TestRegistry {
  readonly address: Address;
  /** The id is the owner's address as text unless told; returns the id. */
  register(owner: Address, entry?: { id?: Hex; metadata?: string; modelId?: number }): Promise<Hex>;
  pause(id: Hex): Promise<void>;
  unpause(id: Hex): Promise<void>;
}

export interface TestGatewayRegistry extends TestRegistry {
  unregister(id: Hex): Promise<void>;
  /** `count` gateways with owners and 20-byte ids drawn from their numbers. */
  registerMany(count: number): Promise<void>;
}

export interface TestNetworkOptions extends AnvilOptions {
  /** Owners registered from the start. */
  readonly gateways?: readonly Address[];
  readonly providers?: readonly Address[];
  /** Whether Multicall3 stands at its canonical address; true unless told. */
  readonly multicall?: boolean;
}

export interface TestNetwork {
  readonly anvil: Anvil;
  /** The same as `anvil.url`. */
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly routerAddress: Address;
  readonly gateways: TestGatewayRegistry;
  readonly providers: TestRegistry;
  /** A second, empty registry; the Router does not name it until told. */
  deployGatewayRegistry(): Promise<TestGatewayRegistry>;
  /** The zero address unless told. */
  nameGatewayRegistry(address?: Address): Promise<void>;
  nameProviderRegistry(address?: Address): Promise<void>;
  /** A transaction of the deployer's, or a deployment without `to`: the address of the new contract, in lower case. */
  send(to: Address | undefined, data: Hex): Promise<Address | undefined>;
  /** Makes empty blocks; one unless told. */
  mine(blocks?: number): Promise<void>;
  blockNumber(): Promise<number>;
  /** Undoes the newest blocks, as a reorganisation does. */
  dropBlocks(count: number): Promise<void>;
  close(): Promise<void>;
}

/** The id that `register` uses unless told: the address as text, the way an operator might write it. */
export const textId = (owner: Address): Hex => stringToHex(owner);

/** Lower case: viem refuses mixed case that is not a checksum. */
const lower = (address: Address): Address => address.toLowerCase() as Address;

export const compiledContracts = compileOnce();

function compileOnce(): () => Promise<CompiledContracts> {
  let compiled: Promise<CompiledContracts> | undefined;
  return () => {
    compiled ??= compileContracts();
    return compiled;
  };
}

export async function startTestNetwork(options: TestNetworkOptions = {}): Promise<TestNetwork> {
  const { gateways = [], providers = [], multicall = true, ...anvilOptions } = options;
  const contracts = await compiledContracts();
  const anvil = await startAnvil(anvilOptions);
  try {
    const network = await deployNetwork(anvil, contracts, multicall);
    for (const owner of gateways) await network.gateways.register(owner);
    for (const owner of providers) await network.providers.register(owner);
    return network;
  } catch (thrown) {
    await anvil.close();
    throw thrown;
  }
}

async function deployNetwork(
  anvil: Anvil,
  contracts: CompiledContracts,
  multicall: boolean,
): Promise<TestNetwork> {
  const client = createTestClient({
    mode: 'anvil',
    account: deployer,
    pollingInterval: 10,
    transport: http(anvil.url, { retryCount: 0, timeout: 60_000 }),
  })
    .extend(publicActions)
    .extend(walletActions);

  /**
   * viem's own wait looks again at each new block only and can miss the one that holds the transaction; Anvil makes
   * no other.
   */
  const receiptOf = async (hash: Hex): Promise<TransactionReceipt> => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      try {
        return await client.getTransactionReceipt({ hash });
      } catch (thrown) {
        if (!(thrown instanceof TransactionReceiptNotFoundError) || Date.now() > deadline) throw thrown;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  const send = async (to: Address | undefined, data: Hex): Promise<Address | undefined> => {
    const hash = await client.request({
      method: 'eth_sendTransaction' as never,
      params: [
        { from: deployer.address, ...(to === undefined ? {} : { to }), data, gas: '0xba43b7400' },
      ] as never,
    });
    const receipt = await receiptOf(hash as Hex);
    if (receipt.status !== 'success')
      throw new Error(`a test transaction to ${to ?? 'a new contract'} failed`);
    return receipt.contractAddress == null ? undefined : lower(receipt.contractAddress);
  };
  const deploy = async (bytecode: Hex): Promise<Address> => {
    const address = await send(undefined, encodeDeployData({ abi: [] as Abi, bytecode }));
    if (address === undefined) throw new Error('a deployment gave no address');
    return address;
  };

  const openGateways = (address: Address): TestGatewayRegistry => {
    const abi = gatewayAdminAbi;
    const call = async (functionName: 'pause' | 'unpause' | 'unregister', id: Hex): Promise<void> => {
      await send(address, encodeFunctionData({ abi, functionName, args: [id] }));
    };
    return {
      address,
      async register(owner, { id = textId(owner), metadata = '{"url":"https://gateway.example"}' } = {}) {
        await send(
          address,
          encodeFunctionData({ abi, functionName: 'registerFor', args: [lower(owner), id, metadata] }),
        );
        return id;
      },
      pause: (id) => call('pause', id),
      unpause: (id) => call('unpause', id),
      unregister: (id) => call('unregister', id),
      async registerMany(count) {
        const batch = 1_000;
        for (let first = 0; first < count; first += batch) {
          const args = [
            BigInt(first),
            BigInt(Math.min(batch, count - first)),
            '{"url":"https://g.example"}',
          ] as const;
          await send(address, encodeFunctionData({ abi, functionName: 'registerMany', args }));
        }
      },
    };
  };
  const openProviders = (address: Address): TestRegistry => {
    const abi = providerAdminAbi;
    const call = async (functionName: 'pause' | 'unpause', id: Hex): Promise<void> => {
      await send(address, encodeFunctionData({ abi, functionName, args: [id] }));
    };
    return {
      address,
      async register(
        owner,
        { id = textId(owner), metadata = '{"url":"https://node.example"}', modelId = 2 } = {},
      ) {
        const args = [lower(owner), id, BigInt(modelId), metadata] as const;
        await send(address, encodeFunctionData({ abi, functionName: 'registerFor', args }));
        return id;
      },
      pause: (id) => call('pause', id),
      unpause: (id) => call('unpause', id),
    };
  };

  if (multicall) {
    await client.setCode({ address: multicall3Address, bytecode: contracts.Multicall3.runtimeBytecode });
  }
  const routerAddress = await deploy(contracts.Router.bytecode);
  const gateways = openGateways(await deploy(contracts.GatewayRegistry.bytecode));
  const providers = openProviders(await deploy(contracts.ProviderRegistry.bytecode));
  const name = async (
    functionName: 'setGatewayRegistry' | 'setProviderRegistry',
    address: Address,
  ): Promise<void> => {
    await send(routerAddress, encodeFunctionData({ abi: routerSetters, functionName, args: [address] }));
  };
  await name('setGatewayRegistry', gateways.address);
  await name('setProviderRegistry', providers.address);

  return {
    anvil,
    rpcUrl: anvil.url,
    chainId: anvil.chainId,
    routerAddress,
    gateways,
    providers,
    deployGatewayRegistry: async () => openGateways(await deploy(contracts.GatewayRegistry.bytecode)),
    nameGatewayRegistry: (address = zeroAddress) => name('setGatewayRegistry', address),
    nameProviderRegistry: (address = zeroAddress) => name('setProviderRegistry', address),
    send,
    mine: (blocks = 1) => client.mine({ blocks }),
    blockNumber: async () => Number(await client.getBlockNumber({ cacheTime: 0 })),
    async dropBlocks(count) {
      await client.request({ method: 'anvil_rollback' as never, params: [count] as never });
    },
    close: () => anvil.close(),
  };
}
