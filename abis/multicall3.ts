/** The part of Multicall3 (https://github.com/mds1/multicall3) that reads several contracts at one block. */
import { parseAbi } from 'viem/utils';

/** Where Multicall3 stands on every chain that has it. */
export const multicall3Address = '0xca11bde05977b3631167028862be2a173976ca11';

export const multicall3Abi = parseAbi([
  'struct Call3 { address target; bool allowFailure; bytes callData; }',
  'struct Result { bool success; bytes returnData; }',
  'function aggregate3(Call3[] calls) payable returns (Result[])',
  'function getBlockNumber() view returns (uint256)',
  'function getLastBlockHash() view returns (bytes32)',
]);
