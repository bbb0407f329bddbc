/** Known roots of `fxn-matmul-1`, for this address and chain. */

export const goldenAddress = '0x9ec5501b7db525648c46098cce1df11ebba9c16a';
export const goldenChainId = 84_532;

export interface GoldenRoots {
  /** Every byte of the seed. */
  readonly seedByte: number;
  readonly size: number;
  /** One a round. */
  readonly roots: readonly string[];
}

export const goldenRoots: readonly GoldenRoots[] = [
  { seedByte: 0x00, size: 1, roots: ['0x03ed014da813b6eab5d11e2bfd71754dd6516dfa64999968fe3eedc4630c1e21'] },
  { seedByte: 0x11, size: 2, roots: ['0xd1538d1ea01d8a6c8e798993c24ac2a5660d42c77f68949c560c0d5a3b5fc6b2'] },
  { seedByte: 0x22, size: 3, roots: ['0xd7f7973298a048d65cf716affd9b77a4fdedd85884d59ac4748e6b8de5a9e9cc'] },
  { seedByte: 0x33, size: 64, roots: ['0x916cf77f51194fd064c548611806b34ef92962ce95acb61b48cfdf7166077022'] },
  {
    seedByte: 0x55,
    size: 256,
    roots: [
      '0xa38ff095487d947e8e01a6b4fcc25f93b5e1cc7f598ee2119766bc1b0afcca54',
      '0x09c2e5a7769a1a46b8da5214c13ea8cae0cda5c5fa72b6388ecf2ca17d85c8d3',
      '0x9980dc542e383e77578e19630b1266bb1298d997cd75b1a9a09799a991c1a86b',
    ],
  },
];
