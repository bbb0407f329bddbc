/**
 * From a request and the state of the contracts to the transactions that do it. What cannot work is refused here, with
 * the remedy. Planned anew after every interruption, so that what is done already is not done again. Runs in the command line.
 */
import {
  approveCall,
  claimCall,
  pauseCall,
  registerAndStakeCall,
  registerCall,
  stakeCall,
  unpauseCall,
  updateMetadataCall,
} from '../contracts/providerCalls.js';
import type { ProviderEntry, ProviderState, Token } from '../contracts/readProviderState.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { formatTokenAmount } from '../lib/tokenAmount.js';
import { providerIdText } from './providerId.js';
import { changeMetadata, readMetadata } from './providerMetadata.js';
import type { ProviderRequest } from './providerRequest.js';
import { entryOf, refused } from './refusal.js';

/** Named after the contract's function. */
export type StepName =
  | 'approve'
  | 'register'
  | 'registerAndStake'
  | 'stakeForProvider'
  | 'pause'
  | 'unpause'
  | 'updateMetadata'
  | 'claimRewardsCluster';

export interface PlannedStep {
  readonly name: StepName;
  readonly to: AddressText;
  readonly data: HexText;
  /** What it does, for whoever confirms it. */
  readonly words: string;
}

export interface Plan {
  /** In order; the last one does what was asked for. */
  readonly steps: readonly PlannedStep[];
  /** Absent for what concerns all of an owner's providers. */
  readonly id: HexText | undefined;
  /** What is worth knowing beside the steps: name and value. */
  readonly facts: readonly (readonly [string, string])[];
}

type RequestOf<A extends ProviderRequest['action']> = Extract<ProviderRequest, { action: A }>;

interface PlanPlace {
  readonly state: ProviderState;
  readonly owner: AddressText;
}

export function planRequest(request: ProviderRequest, state: ProviderState, owner: AddressText): Plan {
  const place = { state, owner };
  switch (request.action) {
    case 'register':
      return planRegister(request, place);
    case 'stake':
      return planStake(entryOf(state, owner, request.id), place);
    case 'pause':
      return planPause(entryOf(state, owner, request.id), place);
    case 'unpause':
      return planUnpause(entryOf(state, owner, request.id), place);
    case 'update':
      return planUpdate(request, entryOf(state, owner, request.id), place);
    case 'claim':
      return planClaim(request, place);
  }
}

export const tokenText = (amount: bigint, { decimals, symbol }: Token): string =>
  `${formatTokenAmount(amount, decimals)} ${symbol}`;

function planRegister(request: RequestOf<'register'>, { state, owner }: PlanPlace): Plan {
  const { wanted, registry, providers, token } = state;
  const id = request.id ?? request.defaultId;
  if (wanted !== undefined) throw alreadyRegistered(wanted, owner);
  const [other] = providers;
  if (other !== undefined && request.id === undefined) {
    throw refused(
      `${checksumAddress(owner)} already has the provider ${providerIdText(other.id)}. "fxn provider update" changes it; --id registers another one beside it.`,
    );
  }
  const { modelId, url, name } = request;
  const metadata = changeMetadata('', { url, name });
  const registration = { id, modelId, metadata };
  const facts: [string, string][] = [
    ['model', String(modelId)],
    ['metadata', metadata],
  ];
  if (!request.isStaked || token === undefined) {
    facts.push([
      'stake',
      request.isStaked ? 'the registry takes none' : 'none now ("fxn provider stake" later)',
    ]);
    const words = `registers the provider ${providerIdText(id)}`;
    return {
      id,
      facts,
      steps: [{ name: 'register', to: registry, data: registerCall(registration), words }],
    };
  }
  const required = requiredStake(modelId, state);
  facts.push(...stakeFacts(required, token, token.registryAllowance));
  refuseMissingTokens(required, token, owner, 'or leave the stake for later with --without-stake');
  return {
    id,
    facts,
    steps: [
      ...approval(required, token, {
        spender: registry,
        allowance: token.registryAllowance,
        name: 'registry',
      }),
      {
        name: 'registerAndStake',
        to: registry,
        data: registerAndStakeCall(registration),
        words: `registers the provider ${providerIdText(id)} and stakes ${tokenText(required, token)}`,
      },
    ],
  };
}

function alreadyRegistered(entry: ProviderEntry, owner: AddressText): Error {
  const id = providerIdText(entry.id);
  if (entry.owner !== owner) {
    return refused(
      `The id ${id} is already registered, by ${checksumAddress(entry.owner)}: choose another one with --id.`,
    );
  }
  const next = entry.paused
    ? 'It is paused; "fxn provider unpause" ends that.'
    : '"fxn provider status" shows it, "fxn provider update" changes its URL and name.';
  return refused(`The provider ${id} is already registered. ${next}`);
}

function requiredStake(modelId: bigint, { stakes }: ProviderState): bigint {
  const required = stakes.get(modelId)?.required;
  if (required !== undefined) return required;
  throw refused(
    `The contracts name no stake for model ${modelId}: check --model (the model's fxnId), or register with --without-stake.`,
  );
}

const stakeFacts = (required: bigint, token: Token, allowance: bigint): [string, string][] => [
  [
    'stake',
    `${tokenText(required, token)} (balance ${tokenText(token.balance, token)}, allowance ${tokenText(allowance, token)})`,
  ],
];

function refuseMissingTokens(required: bigint, token: Token, owner: AddressText, otherwise: string): void {
  if (token.balance >= required) return;
  throw refused(
    `The stake is ${tokenText(required, token)}, but ${checksumAddress(owner)} holds ${tokenText(token.balance, token)}: ` +
      `${tokenText(required - token.balance, token)} are missing. Send them to that address, ${otherwise}.`,
  );
}

function approval(
  required: bigint,
  token: Token,
  to: { readonly spender: AddressText; readonly allowance: bigint; readonly name: string },
): PlannedStep[] {
  if (to.allowance >= required) return [];
  return [
    {
      name: 'approve',
      to: token.address,
      data: approveCall(to.spender, required),
      words: `lets the ${to.name} ${checksumAddress(to.spender)} take ${tokenText(required, token)}`,
    },
  ];
}

function planStake(entry: ProviderEntry, { state, owner }: PlanPlace): Plan {
  const { token, stakes } = state;
  const { id, modelId, staked, active } = entry;
  const stake = stakes.get(modelId);
  if (token === undefined || stake?.pool === undefined) {
    throw refused(
      `The contracts name no staking pool for model ${modelId}, so there is nothing to stake in.`,
    );
  }
  const required = requiredStake(modelId, state);
  if (active === true || (staked !== undefined && staked >= required)) {
    throw refused(`The provider ${providerIdText(id)} is staked already. "fxn provider status" shows it.`);
  }
  const { pool, poolAllowance = 0n } = stake;
  refuseMissingTokens(required, token, owner, 'and call this again');
  return {
    id,
    facts: [['model', String(modelId)], ...stakeFacts(required, token, poolAllowance)],
    steps: [
      ...approval(required, token, { spender: pool, allowance: poolAllowance, name: 'staking pool' }),
      {
        name: 'stakeForProvider',
        to: pool,
        data: stakeCall(id),
        words: `stakes ${tokenText(required, token)} for the provider ${providerIdText(id)}`,
      },
    ],
  };
}

function planPause(entry: ProviderEntry, { state }: PlanPlace): Plan {
  const id = providerIdText(entry.id);
  if (entry.paused) throw refused(`The provider ${id} is already paused. "fxn provider unpause" ends that.`);
  const words = `pauses the provider ${id}: gateways stop sending`;
  return {
    id: entry.id,
    facts: [],
    steps: [{ name: 'pause', to: state.registry, data: pauseCall(entry.id), words }],
  };
}

function planUnpause(entry: ProviderEntry, { state }: PlanPlace): Plan {
  const id = providerIdText(entry.id);
  if (!entry.paused) throw refused(`The provider ${id} is not paused.`);
  const words = `ends the pause of the provider ${id}`;
  return {
    id: entry.id,
    facts: [],
    steps: [{ name: 'unpause', to: state.registry, data: unpauseCall(entry.id), words }],
  };
}

function planUpdate(request: RequestOf<'update'>, entry: ProviderEntry, { state }: PlanPlace): Plan {
  const metadata = changeMetadata(entry.metadata, request);
  const id = providerIdText(entry.id);
  if (readMetadata(metadata).url === null) {
    throw refused(
      `The metadata of the provider ${id} has no URL, and gateways need one: give it with --url.`,
    );
  }
  if (metadata === entry.metadata) {
    throw refused(`The provider ${id} has this metadata already: ${metadata}`);
  }
  return {
    id: entry.id,
    facts: [
      ['metadata', metadata],
      ['before', entry.metadata],
    ],
    steps: [
      {
        name: 'updateMetadata',
        to: state.registry,
        data: updateMetadataCall(entry.id, metadata),
        words: `changes the metadata of the provider ${id}`,
      },
    ],
  };
}

function planClaim({ fromEpoch, toEpoch }: RequestOf<'claim'>, { state, owner }: PlanPlace): Plan {
  const { claimableEpoch, providerCount, registry } = state;
  if (providerCount === 0) {
    throw refused(`${checksumAddress(owner)} has no registered provider, so there is nothing to claim for.`);
  }
  const last = toEpoch ?? claimableEpoch;
  if (last === undefined) {
    throw refused('The contracts do not say which epoch can be claimed last: give it with --to-epoch.');
  }
  if (claimableEpoch !== undefined && last > claimableEpoch) {
    throw refused(`Rewards can be claimed up to epoch ${claimableEpoch} today, not up to ${last}.`);
  }
  if (fromEpoch > last) {
    throw refused(`There is nothing to claim from epoch ${fromEpoch} on: the last one is ${last}.`);
  }
  return {
    id: undefined,
    facts: [['epochs', `${fromEpoch} to ${last}`]],
    steps: [
      {
        name: 'claimRewardsCluster',
        to: registry,
        data: claimCall(fromEpoch, last),
        words: `claims the rewards of ${providerCount === 1 ? 'the provider' : `all ${providerCount} providers`} for the epochs ${fromEpoch} to ${last}`,
      },
    ],
  };
}
