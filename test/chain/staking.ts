/**
 * The token and the staking contract for a local network whose provider registry takes a stake. Runs in tests.
 */
import { type Address, encodeAbiParameters, encodeFunctionData, type Hex, parseAbi } from 'viem';
import { compiledContracts, type TestNetwork } from './network.js';

const abi = parseAbi([
  'function mint(address to, uint256 amount)',
  'function setModelStakeAmount(uint256 modelId, uint256 amount)',
  'function setEpochNumber(uint256 to)',
  'function setStaking(address to)',
]);
const routerAbi = parseAbi(['function setStaking(address to, uint256 modelId)']);
const registryAbi = parseAbi(['function pause()', 'function unpause()']);

export interface TestStaking {
  readonly token: Address;
  readonly pool: Address;
  readonly modelId: bigint;
  /** What a provider of the model stakes. */
  readonly stake: bigint;
  mint(to: Address, amount: bigint): Promise<void>;
  setEpoch(epoch: bigint): Promise<void>;
  /** Of the whole provider registry, by its administrator. */
  setRegistryPaused(isPaused: boolean): Promise<void>;
}

export async function deployStaking(
  network: TestNetwork,
  { modelId = 2n, stake = 1_000n * 10n ** 18n } = {},
): Promise<TestStaking> {
  const contracts = await compiledContracts();
  const registry = network.providers.address;
  const deploy = async (bytecode: Hex): Promise<Address> =>
    (await network.send(undefined, bytecode)) as Address;
  const token = await deploy(contracts.FuncToken.bytecode);
  const words = encodeAbiParameters([{ type: 'address' }, { type: 'address' }], [token, registry]);
  const pool = await deploy(`${contracts.Staking.bytecode}${words.slice(2)}`);
  const call = async (to: Address, data: Hex): Promise<void> => {
    await network.send(to, data);
  };
  const mint = (to: Address, amount: bigint): Promise<void> =>
    call(token, encodeFunctionData({ abi, functionName: 'mint', args: [to, amount] }));
  await call(pool, encodeFunctionData({ abi, functionName: 'setModelStakeAmount', args: [modelId, stake] }));
  await call(registry, encodeFunctionData({ abi, functionName: 'setStaking', args: [pool] }));
  await call(
    network.routerAddress,
    encodeFunctionData({ abi: routerAbi, functionName: 'setStaking', args: [pool, modelId] }),
  );
  // What claims are paid from.
  await mint(registry, 1_000_000n * 10n ** 18n);
  return {
    token,
    pool,
    modelId,
    stake,
    mint,
    setEpoch: (epoch) =>
      call(pool, encodeFunctionData({ abi, functionName: 'setEpochNumber', args: [epoch] })),
    setRegistryPaused: (isPaused) =>
      call(registry, encodeFunctionData({ abi: registryAbi, functionName: isPaused ? 'pause' : 'unpause' })),
  };
}
