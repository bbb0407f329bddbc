/**
 * One consistent read of a registry: the Router's answer and the list it leads to, at one block of the first
 * endpoint that manages. With `confirmations`, a second block that much older is read too, and an entry is
 * active only when it is so at both: removals count at once, additions wait. Runs in the registry thread.
 */
import type { Hex } from 'viem';
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils';
import { routerAbi } from '#abis/router.js';
import { NodeError } from '../errors/nodeError.js';
import { type Block, getBlock } from './block.js';
import { type CallOutcome, callsAtBlock } from './callsAtBlock.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import { type HeadClaim, isOlder, mayFollow } from './headEvidence.js';
import type { RegistryEntry, RegistryKind } from './registryKinds.js';
import { implausibleHead, type RankedEndpoint, type RpcEndpoints } from './rpcEndpoints.js';

const zeroAddress = `0x${'0'.repeat(40)}`;

/** The newest block that was already read, and what the operator does when the chain really went back. */
export interface HeadFloor extends HeadClaim {
  readonly remedy: string;
}

export interface RegistryReadRequest {
  readonly endpoints: RpcEndpoints;
  readonly router: Hex;
  readonly kind: RegistryKind;
  /** Blocks before an addition counts; 0 reads the head alone. */
  readonly confirmations: number;
  readonly floor: HeadFloor | undefined;
  /** Where the last read found the registry; saves a call while the Router still says so. */
  readonly expectedRegistry: Hex | undefined;
}

export interface RegistryRead {
  readonly block: Block;
  /** Where the Router says the registry is. */
  readonly registry: Hex;
  /** Entries that count; unpaused ones that still wait for confirmations are left out. */
  readonly entries: readonly RegistryEntry[];
  /** How many unpaused entries wait for confirmations. */
  readonly pendingEntries: number;
  /** Which endpoint answered. */
  readonly endpoint: number;
}

/** Throws a chain failure, with what each endpoint said, when none gives a usable read. */
export async function readRegistry(request: RegistryReadRequest): Promise<RegistryRead> {
  const { endpoints } = request;
  const failures: NodeError[] = [];
  for (const endpoint of await endpoints.rank()) {
    try {
      return await readAt(endpoint, request);
    } catch (thrown) {
      if (chainFailureKind(thrown) === undefined) throw thrown;
      endpoints.reportFailure(endpoint.index, thrown);
      failures.push(thrown as NodeError);
    }
  }
  const [first] = failures;
  throw new NodeError('rpc_failed', {
    ...(first === undefined ? {} : { message: first.message }),
    meta: { ...first?.meta, endpoints: endpoints.health() },
    cause: first,
  });
}

async function readAt(
  { index, rpc, head, claim, isDoubted }: RankedEndpoint,
  request: RegistryReadRequest,
): Promise<RegistryRead> {
  const { confirmations, floor } = request;
  if (isDoubted && (floor === undefined || head.number < floor.number || !mayFollow(claim, floor))) {
    throw implausibleHead(head.number);
  }
  if (floor !== undefined && isOlder(claim, floor)) {
    throw chainFailure(
      'old_head',
      `The newest block ${head.number} is older than block ${floor.number}, which was already read. ` +
        `The endpoint may be behind; ${floor.remedy}`,
      { head: head.number, seen: floor.number },
    );
  }
  const { registry, entries } = await readList({ rpc, block: head }, request);
  const found = { block: head, registry, endpoint: index };
  if (confirmations === 0) return { ...found, entries, pendingEntries: 0 };

  const confirmed = await readConfirmed({ rpc, head }, request);
  const counting = entries.filter((entry) => entry.paused || confirmed.has(entryKey(entry)));
  return { ...found, entries: counting, pendingEntries: entries.length - counting.length };
}

const entryKey = ({ owner, id }: RegistryEntry): string => `${owner}:${id}`;

/** The keys of entries that were active `confirmations` blocks ago; none where nothing was deployed yet. */
async function readConfirmed(
  { rpc, head }: Pick<RankedEndpoint, 'rpc' | 'head'>,
  request: RegistryReadRequest,
): Promise<ReadonlySet<string>> {
  const number = head.number - request.confirmations;
  if (number < 0) return new Set();
  try {
    const { entries } = await readList({ rpc, block: await getBlock(rpc, number) }, request);
    return new Set(entries.filter(({ paused }) => !paused).map(entryKey));
  } catch (thrown) {
    if (chainFailureKind(thrown) === 'no_contract') return new Set();
    throw thrown;
  }
}

async function readList(
  { rpc, block }: Pick<RankedEndpoint, 'rpc'> & { readonly block: Block },
  { router, kind, expectedRegistry }: RegistryReadRequest,
): Promise<{ registry: Hex; entries: readonly RegistryEntry[] }> {
  const abi = routerAbi;
  const functionName = kind.routerFunction;
  const routerCall = { target: router, data: encodeFunctionData({ abi, functionName }) };
  // The list is asked for where it was last time, in the same batch; a Router that now names another
  // registry costs one more batch at the same block, where it must not change its mind again.
  let guess = expectedRegistry;
  for (let pass = 0; pass < 2; pass++) {
    const listCalls = guess === undefined ? [] : [{ target: guess, data: kind.listCall }];
    const [named, list] = await callsAtBlock(rpc, block, [routerCall, ...listCalls]);
    const data = requireAnswer(named, 'Router', router, block);
    const answer = decodeAnswer(() => decodeFunctionResult({ abi, functionName, data }));
    const registry = answer.toLowerCase() as Hex;
    if (registry === zeroAddress) {
      throw chainFailure(
        'no_contract',
        `The Router names no ${kind.name} registry: it answers with the zero address.`,
        { router, block: block.number },
      );
    }
    if (registry === guess) {
      const listed = requireAnswer(list, `${kind.name} registry`, registry, block);
      return { registry, entries: decodeAnswer(() => kind.decodeList(listed)) };
    }
    guess = registry;
  }
  throw chainFailure('unpinned', 'The Router gave two answers at one block.', { block: block.number });
}

function requireAnswer(outcome: CallOutcome | undefined, what: string, address: Hex, block: Block): Hex {
  const meta = { address, block: block.number };
  if (outcome === undefined || outcome === 'reverted') {
    throw chainFailure('reverted', `The ${what} at ${address} refused the call.`, meta);
  }
  if (outcome.data === '0x') {
    throw chainFailure(
      'no_contract',
      `There is no contract at the ${what}'s address ${address}: ` +
        'check registry.routerSmartContractAddress, chainId and rpcProvider.',
      meta,
    );
  }
  return outcome.data;
}

function decodeAnswer<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.name : 'unknown';
    throw chainFailure('bad_response', 'A contract answered with bytes that do not decode.', { reason });
  }
}
