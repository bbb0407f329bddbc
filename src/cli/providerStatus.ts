/** `fxn provider status`: what the contracts say of an owner's providers. Needs no password. Runs in the command line. */
import type { LoadedConfig } from '../config/loadConfig.js';
import { openChain } from '../contracts/chain.js';
import { type ProviderState, readProviderState } from '../contracts/readProviderState.js';
import { readBalance } from '../contracts/receipt.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import { formatEther } from '../lib/tokenAmount.js';
import { tokenText } from '../provider/planRequest.js';
import { providerIdText } from '../provider/providerId.js';
import { openJournal } from '../provider/providerJournal.js';
import { exitCodes, withExitCode } from './exitCode.js';
import type { ProviderIo } from './provider.js';
import {
  addressOf,
  type HomeOptions,
  type KeyOptions,
  loadProviderHome,
  nodeAddress,
} from './providerOptions.js';
import { entryJson, entryRows, table } from './providerText.js';
import { identifySigner } from './signingKey.js';
import { UsageError } from './usageError.js';

export interface StatusOptions extends HomeOptions, KeyOptions {
  /** Absent: the account of `--key`, else `registry.owner`, else this home's key. */
  readonly owner?: string | undefined;
  readonly json?: boolean | undefined;
}

interface Found {
  readonly loaded: LoadedConfig;
  readonly owner: AddressText;
  readonly node: AddressText | undefined;
  readonly state: ProviderState;
  /** Wei of the owner. */
  readonly balance: bigint;
  /** What an interrupted command still has to do. */
  readonly unfinished: string | null;
}

export function providerStatus(options: StatusOptions, io: ProviderIo): Promise<number> {
  return withExitCode(io, async () => {
    const loaded = loadProviderHome(options, io);
    const node = await nodeAddress(loaded, io);
    const owner = await ownerOf(options, loaded, node, io);
    const { config, paths } = loaded;
    const chain = await openChain({ urls: config.rpcProvider, chainId: config.chainId, signal: io.signal });
    try {
      const router = config.registry.routerSmartContractAddress;
      const state = await readProviderState(chain, { router, owner, withGateways: true });
      const balance = await readBalance(chain, owner);
      const unfinished = openJournal(paths.providerJournalFile).read()?.action ?? null;
      const found = { loaded, owner, node, state, balance, unfinished };
      io.out(options.json === true ? JSON.stringify(statusJson(found)) : statusText(found));
      return exitCodes.done;
    } finally {
      chain.close();
    }
  });
}

async function ownerOf(
  { owner, key, passwordFile }: StatusOptions,
  { config }: LoadedConfig,
  node: AddressText | undefined,
  io: ProviderIo,
): Promise<AddressText> {
  if (owner !== undefined) return addressOf(owner, '--owner');
  if (key !== undefined) return (await identifySigner({ key, passwordFile }, io)).address;
  const found = config.registry.owner || node;
  if (found !== undefined) return found;
  throw new UsageError(
    'Whose providers? There is no key in this home that says: give the address with --owner.',
  );
}

function statusJson({ loaded, owner, node, state, balance, unfinished }: Found) {
  const { token, providers, providerCount } = state;
  return {
    chainId: loaded.config.chainId,
    block: state.block,
    router: checksumAddress(loaded.config.registry.routerSmartContractAddress),
    registry: checksumAddress(state.registry),
    owner: checksumAddress(owner),
    nodeAddress: node === undefined ? null : checksumAddress(node),
    registered: providerCount > 0,
    paused: providerCount > 0 ? providers.every(({ paused }) => paused) : null,
    active: activityOf(state),
    providerCount,
    providers: providers.map((entry) => entryJson(entry, state)),
    balanceWei: balance.toString(),
    token:
      token === undefined
        ? null
        : {
            address: checksumAddress(token.address),
            symbol: token.symbol,
            decimals: token.decimals,
            balance: token.balance.toString(),
          },
    claimableEpoch: state.claimableEpoch?.toString() ?? null,
    // No view of the contracts tells them.
    rewards: null,
    gateways: state.gateways ?? null,
    unfinished,
  };
}

/** Whether any of the providers is active; `null` when that cannot be known. */
function activityOf({ providers }: ProviderState): boolean | null {
  if (providers.some(({ active }) => active === true)) return true;
  return providers.some(({ active }) => active === undefined) ? null : false;
}

function statusText({ loaded, owner, node, state, balance, unfinished }: Found): string {
  const { config, modelBackends } = loaded;
  const { providers, providerCount, token, gateways, claimableEpoch } = state;
  const holdings = [formatEther(balance), ...(token === undefined ? [] : [tokenText(token.balance, token)])];
  const rows: [string, string][] = [
    ['owner', checksumAddress(owner)],
    ['node', node === undefined ? 'no key that states its address' : checksumAddress(node)],
    ['registry', `${checksumAddress(state.registry)} on chain ${config.chainId}, block ${state.block}`],
    ['balance', holdings.join(', ')],
    [
      'rewards',
      `not readable${claimableEpoch === undefined ? '' : `; can be claimed up to epoch ${claimableEpoch}`}`,
    ],
    ['gateways', gateways === undefined ? 'not readable' : `${gateways} that may send requests`],
  ];
  const entries = providers.map((entry) => {
    const model = modelBackends.models.find(({ fxnId }) => fxnId === entry.modelId.toString());
    return `\nprovider ${providerIdText(entry.id)}\n${table(entryRows(entry, state, model?.name), '  ')}`;
  });
  if (providerCount === 0) entries.push('\nNot registered. "fxn provider register" does that.');
  if (providerCount > providers.length) entries.push(`\n… and ${providerCount - providers.length} more`);
  if (unfinished !== null) {
    entries.push(`\n"fxn provider ${unfinished}" was broken off: call it again to finish it.`);
  }
  return [table(rows), ...entries].join('\n');
}
