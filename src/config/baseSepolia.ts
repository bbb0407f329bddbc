/** The chain and the contracts that the network runs on today: what a first start and `fxn init` take unless told. */
export const baseSepolia = {
  chainId: 84_532,
  /** Public endpoints, the first one where only one is named. */
  rpcUrls: [
    'https://base-sepolia-public.nodies.app',
    'https://sepolia.base.org',
    'https://base-sepolia-rpc.publicnode.com',
  ],
  schedulerAddress: '0x0a7A1fF52515C24FAa17c13B916679926272ffc4',
  routerAddress: '0x7C8e239F9A26D7fd081Db72A2A23F4E9CA35E16b',
} as const;
