/** What `fxn provider` tells about plans, transactions and providers, as text and as JSON. Runs in the command line. */
import type { ProviderEntry, ProviderState } from '../contracts/readProviderState.js';
import type { Receipt } from '../contracts/receipt.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import { printableText } from '../lib/printableText.js';
import { formatEther } from '../lib/tokenAmount.js';
import { type Plan, tokenText } from '../provider/planRequest.js';
import type { Price } from '../provider/priceSteps.js';
import { providerIdText } from '../provider/providerId.js';
import { readMetadata } from '../provider/providerMetadata.js';
import type { DoneStep, StepEvent } from '../provider/sendStep.js';

export interface PlanSubject {
  readonly action: string;
  readonly chainId: number;
  readonly owner: AddressText;
}

/** Names and values below each other. */
export const table = (rows: readonly (readonly [string, string])[], indent = ''): string => {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}`).join('\n');
};

/** What is going to be sent, and what it costs at most. */
export function planText(
  { action, chainId, owner }: PlanSubject,
  plan: Plan,
  price: Price,
  state: ProviderState,
): string {
  const rows: [string, string][] = [
    ['owner', checksumAddress(owner)],
    ['registry', `${checksumAddress(state.registry)} on chain ${chainId}`],
    ...plan.facts.map(([name, value]): [string, string] => [name, printableText(value)]),
  ];
  const steps = price.steps.map(({ step, gas, maxFee }, at) => {
    const cost =
      gas === undefined || maxFee === undefined
        ? 'cost known once the step before is mined'
        : `gas limit ${gas}, at most ${formatEther(maxFee)}`;
    return `  ${at + 1}. ${step.name}: ${step.words}\n     ${cost}`;
  });
  const total = `at most ${formatEther(price.maxFee)}; the owner holds ${formatEther(price.balance)}`;
  return `${action}\n${table([...rows, ['cost', total]], '  ')}\n${steps.join('\n')}`;
}

/** One line; the same one again means that nothing changed. */
export function eventText(event: StepEvent, confirmations: number): string {
  const { step, hash } = event;
  switch (event.kind) {
    case 'signed':
      return `${step}: sending transaction ${hash}`;
    case 'found':
      return `${step}: an earlier run signed transaction ${hash}; going on with it`;
    case 'confirmed':
      return `${step}: confirmed in block ${event.receipt.blockNumber}, transaction ${hash}, cost ${formatEther(event.receipt.fee)}`;
    case 'progress':
      switch (event.progress.kind) {
        case 'waiting':
          return `${step}: waiting to be mined`;
        case 'mined':
          return `${step}: mined in block ${event.progress.block}, ${event.progress.confirmations} of ${confirmations} confirmations`;
        case 'resent':
          return `${step}: no endpoint knew it any more, sent again`;
        case 'unreachable':
          return `${step}: ${event.progress.reason} Trying again.`;
      }
  }
}

export const transactionJson = ({ name, receipt }: DoneStep) => ({
  step: name,
  hash: receipt.hash,
  block: receipt.blockNumber,
  gasUsed: receipt.gasUsed.toString(),
  feeWei: receipt.fee.toString(),
});

export function entryJson(entry: ProviderEntry, { stakes }: ProviderState) {
  const { url, name } = readMetadata(entry.metadata);
  return {
    id: entry.id,
    owner: checksumAddress(entry.owner),
    modelId: entry.modelId.toString(),
    registeredAt: entry.registeredAt.toString(),
    metadata: entry.metadata,
    url,
    name,
    paused: entry.paused,
    active: entry.active ?? null,
    stake: entry.staked?.toString() ?? null,
    requiredStake: stakes.get(entry.modelId)?.required?.toString() ?? null,
  };
}

export function stateWords({ paused, active }: ProviderEntry): string {
  if (paused) return 'paused';
  if (active === undefined) return 'registered; whether it is active cannot be read';
  return active ? 'active' : 'registered, but not active (stake or approval of the network is missing)';
}

/** @param modelName what this node calls the model */
export function entryRows(
  entry: ProviderEntry,
  { stakes, token }: ProviderState,
  modelName: string | undefined,
): [string, string][] {
  const { url, name } = readMetadata(entry.metadata);
  const required = stakes.get(entry.modelId)?.required;
  const amount = (value: bigint | undefined): string =>
    value === undefined ? 'not readable' : token === undefined ? String(value) : tokenText(value, token);
  return [
    ['state', stateWords(entry)],
    ['model', `${entry.modelId}${modelName === undefined ? '' : ` (${printableText(modelName)})`}`],
    ...(url === null && name === null
      ? [['metadata', printableText(entry.metadata)] as [string, string]]
      : [
          ['url', url === null ? 'none' : printableText(url)] as [string, string],
          ...(name === null ? [] : [['name', printableText(name)] as [string, string]]),
        ]),
    ['registered', registeredText(entry.registeredAt)],
    ['stake', `${amount(entry.staked)}; ${amount(required)} required`],
  ];
}

const earliestS = 1_500_000_000n;
const latestS = 5_000_000_000n;

/** What the number counts is the contract's secret; a plausible Unix time is shown as one. */
function registeredText(at: bigint): string {
  if (at < earliestS || at > latestS) return String(at);
  return new Date(Number(at) * 1_000).toISOString().replace('.000Z', 'Z');
}

export const providerText = (entry: ProviderEntry): string =>
  `provider ${providerIdText(entry.id)}: ${stateWords(entry)}`;

export const feeOf = (receipts: readonly Receipt[]): bigint =>
  receipts.reduce((sum, { fee }) => sum + fee, 0n);
