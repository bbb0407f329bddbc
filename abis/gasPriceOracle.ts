/** What a chain of the OP stack, as Base is one, charges beside gas for publishing a transaction on Ethereum. */
import { parseAbi } from 'viem/utils';

/** Where it stands on every chain that has it. */
export const gasPriceOracleAddress = '0x420000000000000000000000000000000000000f';

export const gasPriceOracleAbi = parseAbi(['function getL1Fee(bytes data) view returns (uint256)']);
