/**
 * `fxn provider register | stake | update | pause | unpause | claim`: what the owner of a provider does on the chain. Shows
 * the transactions and their cost and asks before they are sent, or prints them for somebody else to sign. Standard output
 * gets the result, standard error the rest. Runs in the command line.
 */
import type { LoadedConfig } from '../config/loadConfig.js';
import { openChain } from '../contracts/chain.js';
import { serializeUnsigned, transactionObject } from '../contracts/feeMarketTransaction.js';
import { NodeError } from '../errors/nodeError.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { AddressText } from '../lib/address.js';
import { formatEther } from '../lib/tokenAmount.js';
import {
  type Performed,
  performRequest,
  prepareUnsigned,
  type RequestPlace,
} from '../provider/performRequest.js';
import { tokenText } from '../provider/planRequest.js';
import { missingFunds } from '../provider/priceSteps.js';
import { providerIdText } from '../provider/providerId.js';
import { openJournal } from '../provider/providerJournal.js';
import type { ProviderRequest } from '../provider/providerRequest.js';
import type { StepEvent } from '../provider/sendStep.js';
import { lockHome } from '../storage/homeLock.js';
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes, withExitCode } from './exitCode.js';
import {
  type Limits,
  limitsOf,
  loadProviderHome,
  nodeAddress,
  type Ownership,
  ownershipOf,
  type SendOptions,
} from './providerOptions.js';
import { entryJson, eventText, feeOf, planText, providerText, transactionJson } from './providerText.js';
import { UsageError } from './usageError.js';

export type ProviderIo = CliIo & Pick<StreamIo, 'signal'>;

/** What a command makes of its own options; `defaultId` is what this node is called unless told. */
export type MakeRequest = (loaded: LoadedConfig, defaultId: AddressText, io: ProviderIo) => ProviderRequest;

export function provider(options: SendOptions, makeRequest: MakeRequest, io: ProviderIo): Promise<number> {
  return withExitCode(io, async () => {
    if (options.unsigned !== true && options.yes !== true && io.askLine === undefined) {
      throw new UsageError(
        'There is no terminal to confirm on: add --yes to send without asking, or --unsigned to print the transactions.',
      );
    }
    const limits = limitsOf(options);
    const loaded = loadProviderHome(options, io);
    const ownership = await ownershipOf(options, loaded, io);
    const node = await nodeAddress(loaded, io);
    const request = makeRequest(loaded, node ?? ownership.owner, io);
    try {
      return await act({ options, limits, loaded, ownership, node, request }, io);
    } catch (thrown) {
      if (io.signal.aborted) {
        io.progress?.('');
        io.err('Broken off. The same command again goes on with what was sent.');
        return exitCodes.interrupted;
      }
      if (options.json === true && thrown instanceof NodeError) io.out(failureJson(request, thrown));
      throw thrown;
    }
  });
}

interface Act {
  readonly options: SendOptions;
  readonly limits: Limits;
  readonly loaded: LoadedConfig;
  readonly ownership: Ownership;
  readonly node: AddressText | undefined;
  readonly request: ProviderRequest;
}

async function act(what: Act, io: ProviderIo): Promise<number> {
  const { loaded, limits, ownership } = what;
  const { config, paths } = loaded;
  const chain = await openChain({ urls: config.rpcProvider, chainId: config.chainId, signal: io.signal });
  try {
    const place: RequestPlace = {
      chain,
      router: config.registry.routerSmartContractAddress,
      owner: ownership.owner,
      file: openJournal(paths.providerJournalFile),
      maxCost: limits.maxCost,
    };
    return what.ownership.signer === undefined ? await print(what, place, io) : await send(what, place, io);
  } finally {
    chain.close();
  }
}

async function send(what: Act, place: RequestPlace, io: ProviderIo): Promise<number> {
  const { options, limits, loaded, ownership, request } = what;
  const { action } = request;
  const { confirmations, withinMs } = limits;
  // Two at once would sign the same nonce.
  const lock = lockHome(loaded.paths.providerLockFile, '"fxn provider" command');
  try {
    const performed = await performRequest(request, {
      ...place,
      openKey: memoised(ownership.signer!.open),
      waiting: { confirmations, withinMs, signal: io.signal },
      onEvent: createReporter(confirmations, io),
      async confirm(plan, price, state, soFar) {
        const subject = {
          action: `fxn provider ${action}`,
          chainId: place.chain.chainId,
          owner: place.owner,
        };
        io.err(planText(subject, plan, price, state));
        if (options.yes !== true) await confirmSending(price.steps.length, soFar, io);
      },
    });
    return report(what, performed, io);
  } finally {
    lock.release();
  }
}

/** The password is asked for once. */
function memoised<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function confirmSending(count: number, soFar: string, io: ProviderIo): Promise<void> {
  const what = count === 1 ? 'this transaction' : `these ${count} transactions`;
  const answer = await io.askLine!(`Send ${what}? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new UsageError(`Not confirmed. ${soFar}`);
}

/** On a terminal one line that changes, else a line for every change. */
function createReporter(confirmations: number, io: ProviderIo): (event: StepEvent) => void {
  let said = '';
  return (event) => {
    const text = eventText(event, confirmations);
    if (text === said) return;
    said = text;
    if (io.progress === undefined) io.err(text);
    else if (event.kind !== 'confirmed') io.progress(text);
    else {
      io.progress('');
      io.err(text);
    }
  };
}

function report(what: Act, { state, provider: entry, done, claim }: Performed, io: ProviderIo): number {
  const { options, request, loaded, ownership } = what;
  if (options.json === true) {
    io.out(
      JSON.stringify({
        action: request.action,
        result: 'done',
        chainId: loaded.config.chainId,
        registry: checksumAddress(state.registry),
        owner: checksumAddress(ownership.owner),
        transactions: done.map(transactionJson),
        provider: entry === undefined ? null : entryJson(entry, state),
        ...(claim === undefined ? {} : { claim: { ...claim, received: claim.received.toString() } }),
      }),
    );
  } else {
    if (entry !== undefined) io.out(providerText(entry));
    if (claim !== undefined) {
      const { received } = claim;
      io.out(`received ${state.token === undefined ? received : tokenText(received, state.token)}`);
    }
    io.out(`paid ${formatEther(feeOf(done.map(({ receipt }) => receipt)))} in fees`);
  }
  for (const { id, reason } of claim?.failed ?? []) {
    io.err(`Nothing was claimed for ${providerIdText(id)}${reason === null ? '' : `: ${reason}`}.`);
  }
  if (request.action === 'register') warnOfOtherOwner(what, io);
  return claim !== undefined && claim.failed.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** The node finds itself in the registry by its owner. */
function warnOfOtherOwner({ loaded, ownership: { owner }, node }: Act, io: ProviderIo): void {
  const watched = loaded.config.registry.owner || node;
  if (watched === owner) return;
  io.err(
    `Set registry.owner: "${checksumAddress(owner)}" in config.yaml, so that the node finds this provider.`,
  );
}

/** The transactions for somebody else to sign, as JSON. */
async function print(what: Act, place: RequestPlace, io: ProviderIo): Promise<number> {
  const { options, request, loaded } = what;
  const { plan, price, state, id, transactions, remaining } = await prepareUnsigned(request, place);
  const { chainId } = loaded.config;
  io.err(
    planText({ action: `fxn provider ${request.action}`, chainId, owner: place.owner }, plan, price, state),
  );
  const missing = missingFunds(price, place.owner);
  if (missing !== undefined) io.err(`warning: ${missing}`);
  if (remaining.length > 0) {
    io.err(`Once these are mined, the same command prints the rest: ${remaining.join(', ')}.`);
  }
  const printed = {
    action: request.action,
    result: 'unsigned',
    chainId,
    registry: checksumAddress(state.registry),
    owner: checksumAddress(place.owner),
    id: id ?? null,
    transactions: transactions.map(({ step, transaction }) => ({
      step,
      transaction: checksummed(transactionObject(transaction)),
      serialized: serializeUnsigned(transaction),
    })),
    remaining,
  };
  io.out(JSON.stringify(printed, null, options.json === true ? undefined : 2));
  return exitCodes.done;
}

const checksummed = (transaction: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(transaction).map(([name, value]) => [
      name,
      name === 'to' || name === 'from' ? checksumAddress(value as AddressText) : value,
    ]),
  );

/** What was asked for and did not happen, as a script reads it. */
function failureJson({ action }: ProviderRequest, { code, message, meta }: NodeError): string {
  const { outcome, hash } = meta;
  return JSON.stringify({
    action,
    result: resultOf(code, outcome),
    error: { code, message },
    ...(hash === undefined ? {} : { hash }),
  });
}

function resultOf(code: NodeError['code'], outcome: unknown): string {
  switch (code) {
    case 'provider_refused':
      return 'refused';
    case 'transaction_pending':
      return 'pending';
    default:
      return typeof outcome === 'string' ? outcome : 'failed';
  }
}
