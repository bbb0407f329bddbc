/** What a claim of rewards brought, out of the logs of its receipt. Runs in the command line. */
import { parseEventLogs } from 'viem/utils';
import { erc20Abi } from '#abis/erc20.js';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { printableText } from '../lib/printableText.js';
import type { Log, Receipt } from './receipt.js';

export interface ClaimResult {
  /** Tokens that the owner was sent, in the smallest unit. */
  readonly received: bigint;
  /** Provider ids for which nothing could be claimed, with what the contract says of each. */
  readonly failed: readonly { readonly id: HexText; readonly reason: string | null }[];
}

export function readClaim(
  { logs }: Receipt,
  { registry, token, owner }: { registry: AddressText; token: AddressText | undefined; owner: AddressText },
): ClaimResult {
  const transfers = parseEventLogs({
    abi: erc20Abi,
    eventName: 'Transfer',
    logs: logsOf(logs, token),
  });
  const received = transfers
    .filter(({ args }) => parseAddress(args.to) === owner)
    .reduce((sum, { args }) => sum + args.value, 0n);
  const events = parseEventLogs({ abi: providerRegistryAbi, logs: logsOf(logs, registry) });
  const reasons = new Map<string, string>();
  for (const event of events) {
    if (event.eventName === 'LogError')
      reasons.set(event.args.failedId, printableText(event.args.message, 200));
  }
  const failedIds = events.flatMap((event) =>
    event.eventName === 'RewardClaimedForCluster' ? event.args.failedIds : [],
  );
  const ids = new Set<HexText>([...failedIds, ...(reasons.keys() as Iterable<HexText>)]);
  return { received, failed: [...ids].map((id) => ({ id, reason: reasons.get(id) ?? null })) };
}

/** The decoder wants logs as a node sends them; only these three fields count. */
const logsOf = (logs: readonly Log[], address: AddressText | undefined) =>
  logs.filter((log) => log.address === address) as unknown as Parameters<typeof parseEventLogs>[0]['logs'];
