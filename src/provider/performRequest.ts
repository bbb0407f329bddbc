/**
 * A request of a provider's owner from reading the contracts to seeing its effect in them. Interrupted anywhere, the same
 * request goes on: what was sent is waited for, what was not is planned anew. Runs in the command line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { requireAgreement } from '../contracts/agreement.js';
import type { Chain } from '../contracts/chain.js';
import { chainFailureKind } from '../contracts/chainFailure.js';
import { type ClaimResult, readClaim } from '../contracts/claimLogs.js';
import type { FeeMarketTransaction } from '../contracts/feeMarketTransaction.js';
import { type ProviderEntry, type ProviderState, readProviderState } from '../contracts/readProviderState.js';
import { readNonce } from '../contracts/receipt.js';
import { NodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import { effectPatienceMs, effectPollMs, seeing, sentSoFar, spentOn } from './doneSteps.js';
import { type Plan, type PlannedStep, planRequest, type StepName } from './planRequest.js';
import { missingFunds, type Price, priceSteps, refuseDearer } from './priceSteps.js';
import type { Journal, JournalFile } from './providerJournal.js';
import { changeMetadata } from './providerMetadata.js';
import { type ProviderRequest, requestText, wantedId } from './providerRequest.js';
import { refused } from './refusal.js';
import { clearOtherRun, isSameRun, resumeRun } from './resumeRequest.js';
import { type DoneStep, type SendPlace, sendStep } from './sendStep.js';

export interface RequestPlace {
  readonly chain: Chain;
  readonly router: AddressText;
  readonly owner: AddressText;
  readonly file: JournalFile;
  /** Wei that all transactions together may cost. */
  readonly maxCost: bigint;
}

export interface Performing extends RequestPlace, Pick<SendPlace, 'openKey' | 'waiting' | 'onEvent'> {
  /** Shows what is going to be sent; throws when it shall not be. `soFar` says what earlier runs sent. */
  readonly confirm: (plan: Plan, price: Price, state: ProviderState, soFar: string) => Promise<void>;
}

export interface Performed {
  readonly state: ProviderState;
  /** Absent for a claim. */
  readonly provider: ProviderEntry | undefined;
  /** What this run and those before it sent. */
  readonly done: readonly DoneStep[];
  /** Of a claim. */
  readonly claim: ClaimResult | undefined;
}

export async function performRequest(request: ProviderRequest, place: Performing): Promise<Performed> {
  const { chain, owner, file, maxCost } = place;
  const state = await readState(request, place);
  const run = {
    chainId: chain.chainId,
    registry: state.registry,
    owner,
    action: request.action,
    request: requestText(request),
  };
  const left = file.read();
  if (left !== undefined && !isSameRun(left, run)) await clearOtherRun(chain, left, file);
  const isResumed = left !== undefined && isSameRun(left, run);
  const journal: Journal = isResumed ? left : { version: 1, ...run, steps: [] };
  const sending: SendPlace = { ...place, journal };
  const done: DoneStep[] = [];
  if (isResumed) {
    const resumed = await resumeRun(sending);
    done.push(...resumed.done);
    if (resumed.isFinished) return await finish(request, done, place);
  }

  const { signal } = place.waiting;
  const priced = async (steps: readonly PlannedStep[]): Promise<Price> => {
    const soFar = sentSoFar(done);
    const price = await seeing(done, { chain, signal }, (seen) => priceSteps(seen, owner, steps, soFar));
    refuseDearer(
      { maxFee: price.maxFee, maxFeePerGas: price.fees.maxFeePerGas },
      { maxCost, spent: spentOn(done), soFar },
    );
    const missing = missingFunds(price, owner);
    if (missing !== undefined) throw refused(`${missing} ${soFar}`);
    return price;
  };
  // What is checked is what is planned: a later look might differ.
  const now = isResumed
    ? await seeing(done, { chain, signal }, (seen) =>
        readState(request, { ...place, chain: seen }, done.at(-1)),
      )
    : state;
  await requireAgreement(chain, place.router, now, sentSoFar(done));
  const plan = planRequest(request, now, owner);
  const price = await priced(plan.steps);
  await place.confirm(plan, price, now, sentSoFar(done));

  for (const [at, step] of plan.steps.entries()) {
    const together = price.steps[at]!;
    // What could not be tried before is tried now that the steps before it are mined.
    const alone = together.gas === undefined ? await priced([step]) : price;
    const { gas, maxFee } = alone === price ? together : alone.steps[0]!;
    const { fees } = alone;
    const spent = spentOn(done);
    refuseDearer(
      { maxFee: maxFee!, maxFeePerGas: fees.maxFeePerGas },
      { maxCost, spent, soFar: sentSoFar(done) },
    );
    const isLast = at === plan.steps.length - 1;
    done.push(await sendStep({ step, gas: gas!, fees, isLast }, { ...sending, maxCost: maxCost - spent }));
  }
  return await finish(request, done, place);
}

const readState = (
  request: ProviderRequest,
  { chain, router, owner }: RequestPlace,
  after?: DoneStep,
): Promise<ProviderState> =>
  readProviderState(
    chain,
    {
      router,
      owner,
      id: wantedId(request),
      modelId: request.action === 'register' ? request.modelId : undefined,
    },
    after?.receipt.blockNumber,
  );

/** Looks at the contracts until they show what the last transaction did: its receipt is an endpoint's word alone. */
async function finish(
  request: ProviderRequest,
  done: readonly DoneStep[],
  place: Performing,
): Promise<Performed> {
  const last = done.at(-1)!;
  const endMs = performance.now() + effectPatienceMs;
  for (;;) {
    const state = await readStateSoon(request, last, place);
    if (state !== undefined && isInEffect(request, state, place.owner)) {
      const { registry, token, providers, wanted } = state;
      const isClaim = request.action === 'claim';
      const claim = isClaim
        ? readClaim(last.receipt, { registry, token: token?.address, owner: place.owner })
        : undefined;
      place.file.remove();
      return { state, provider: isClaim ? undefined : (wanted ?? providers[0]), done, claim };
    }
    if (performance.now() > endMs) {
      // Only a nonce that is used up proves that the bytes were mined at all; else the next run offers them again.
      if ((await readNonce(place.chain, place.owner, 'latest')) > last.nonce) place.file.remove();
      throw new NodeError('transaction_failed', {
        message: `${last.name} was mined in block ${last.receipt.blockNumber} (transaction ${last.receipt.hash}), but the registry does not show its effect. Look at it with "fxn provider status".`,
        meta: { outcome: 'without_effect', hash: last.receipt.hash },
      });
    }
    await sleep(effectPollMs, undefined, { signal: place.waiting.signal });
  }
}

async function readStateSoon(
  request: ProviderRequest,
  last: DoneStep,
  place: Performing,
): Promise<ProviderState | undefined> {
  try {
    return await readState(request, place, last);
  } catch (thrown) {
    const kind = chainFailureKind(thrown);
    if (kind === undefined || kind === 'aborted') throw thrown;
    return undefined;
  }
}

function isInEffect(request: ProviderRequest, state: ProviderState, owner: AddressText): boolean {
  const entry = state.wanted ?? state.providers[0];
  switch (request.action) {
    case 'register':
      return state.wanted?.owner === owner;
    case 'pause':
      return entry?.paused === true;
    case 'unpause':
      return entry?.paused === false;
    case 'update':
      return entry !== undefined && changeMetadata(entry.metadata, request) === entry.metadata;
    case 'stake':
    case 'claim':
      return true;
  }
}

export interface UnsignedRequest {
  readonly plan: Plan;
  readonly price: Price;
  readonly state: ProviderState;
  readonly id: HexText | undefined;
  readonly transactions: readonly { readonly step: StepName; readonly transaction: FeeMarketTransaction }[];
  /** Steps that can only be made once these transactions are mined. */
  readonly remaining: readonly StepName[];
}

/** The transactions for somebody else to sign; nothing is sent. */
export async function prepareUnsigned(
  request: ProviderRequest,
  place: RequestPlace,
): Promise<UnsignedRequest> {
  const { chain, owner, file, maxCost } = place;
  const left = file.read();
  if (left !== undefined) await clearOtherRun(chain, left, file);
  const state = await readState(request, place);
  const soFar = sentSoFar([]);
  await requireAgreement(chain, place.router, state, soFar);
  const plan = planRequest(request, state, owner);
  const price = await priceSteps(chain, owner, plan.steps, soFar);
  const { maxFee, fees } = price;
  refuseDearer({ maxFee, maxFeePerGas: fees.maxFeePerGas }, { maxCost, spent: 0n, soFar });
  const firstNonce = await readNonce(chain, owner, 'pending');
  const { maxFeePerGas, maxPriorityFeePerGas } = fees;
  const ready = price.steps.filter(({ gas }) => gas !== undefined);
  const transactions = ready.map(({ step: { name, to, data }, gas }, at) => ({
    step: name,
    transaction: {
      chainId: chain.chainId,
      from: owner,
      nonce: firstNonce + at,
      to,
      data,
      gas: gas!,
      maxFeePerGas,
      maxPriorityFeePerGas,
    },
  }));
  const remaining = price.steps.filter(({ gas }) => gas === undefined).map(({ step }) => step.name);
  return { plan, price, state, id: plan.id, transactions, remaining };
}
