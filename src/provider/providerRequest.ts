/** What the owner of a provider can ask for, as data: the same text again means the same request. Runs in the command line. */
import type { HexText } from '../lib/hexText.js';
import type { MetadataChange } from './providerMetadata.js';

export type ProviderRequest =
  | {
      readonly action: 'register';
      /** Absent: `defaultId`, unless the owner has a provider already. */
      readonly id: HexText | undefined;
      readonly defaultId: HexText;
      readonly modelId: bigint;
      readonly url: string;
      readonly name: string | undefined;
      readonly isStaked: boolean;
    }
  | { readonly action: 'stake' | 'pause' | 'unpause'; readonly id: HexText | undefined }
  | ({ readonly action: 'update'; readonly id: HexText | undefined } & MetadataChange)
  | {
      readonly action: 'claim';
      readonly fromEpoch: bigint;
      /** Absent: the last epoch that can be claimed. */
      readonly toEpoch: bigint | undefined;
    };

export type ProviderAction = ProviderRequest['action'];

/** The id to ask the registry for. */
export function wantedId(request: ProviderRequest): HexText | undefined {
  switch (request.action) {
    case 'register':
      return request.id ?? request.defaultId;
    case 'claim':
      return undefined;
    case 'stake':
    case 'pause':
    case 'unpause':
    case 'update':
      return request.id;
  }
}

/** One line that is equal for equal requests only. */
export const requestText = (request: ProviderRequest): string =>
  JSON.stringify(request, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
