/**
 * One step of a request from signing to confirmation, and the same for a step that an earlier run began. The journal is
 * written before any endpoint sees the transaction. Runs in the command line.
 */
import { type AwaitOptions, awaitTransaction, type WaitOutcome } from '../contracts/awaitTransaction.js';
import { quantity } from '../contracts/block.js';
import type { Chain } from '../contracts/chain.js';
import { chainFailureKind } from '../contracts/chainFailure.js';
import { type FeeMarketTransaction, signTransaction } from '../contracts/feeMarketTransaction.js';
import { readFees } from '../contracts/fees.js';
import { isKnown, type Receipt, readHeight, readNonce, readReceipt } from '../contracts/receipt.js';
import { revertReason } from '../contracts/revertReason.js';
import { broadcast } from '../contracts/sendTransaction.js';
import { simulateCall } from '../contracts/simulate.js';
import { NodeError } from '../errors/nodeError.js';
import type { NodeKey } from '../keys/nodeKey.js';
import { formatDuration } from '../lib/duration.js';
import type { HexText } from '../lib/hexText.js';
import type { PlannedStep } from './planRequest.js';
import type { Journal, JournalFile, JournalStep } from './providerJournal.js';
import { refused } from './refusal.js';

export interface SendPlace {
  readonly chain: Chain;
  readonly journal: Journal;
  readonly file: JournalFile;
  /** Wei that this transaction may cost beside the fee for its data. */
  readonly maxCost: bigint;
  /** May ask for a password. */
  readonly openKey: () => Promise<NodeKey>;
  readonly waiting: Omit<AwaitOptions, 'onProgress'>;
  readonly onEvent: (event: StepEvent) => void;
}

export type StepEvent = { readonly step: string; readonly hash: HexText } & (
  | { readonly kind: 'signed' | 'found' }
  | { readonly kind: 'progress'; readonly progress: Parameters<AwaitOptions['onProgress']>[0] }
  | { readonly kind: 'confirmed'; readonly receipt: Receipt }
);

export interface DoneStep {
  readonly name: string;
  readonly nonce: number;
  readonly receipt: Receipt;
}

export interface ReadyStep {
  readonly step: PlannedStep;
  readonly gas: bigint;
  readonly fees: Omit<Gas, 'gas'>;
  /** The request is done with it. */
  readonly isLast: boolean;
}

type Gas = Pick<FeeMarketTransaction, 'gas' | 'maxFeePerGas' | 'maxPriorityFeePerGas'>;

/** Signs, records, sends and waits. Throws `transaction_failed` or `transaction_pending`. */
export async function sendStep({ step, gas, fees, isLast }: ReadyStep, place: SendPlace): Promise<DoneStep> {
  const { chain, journal, file } = place;
  const [pending, fromBlock] = await Promise.all([
    readNonce(chain, journal.owner, 'pending'),
    readHeight(chain),
  ]);
  // The steps before are confirmed; an endpoint that counts fewer is behind.
  const nonce = Math.max(pending, ...journal.steps.map((before) => before.nonce + 1));
  const { name, to, data } = step;
  const { maxFeePerGas, maxPriorityFeePerGas } = fees;
  const attempt = await sign({ to, data, nonce }, { gas, maxFeePerGas, maxPriorityFeePerGas }, place);
  const record: JournalStep = { name, isLast, to, data, nonce, fromBlock, attempts: [attempt] };
  journal.steps.push(record);
  await file.write(journal);
  place.onEvent({ kind: 'signed', step: name, hash: attempt.hash });
  return await deliver(record, { gas }, place);
}

/** Goes on with a step that an earlier run recorded; throws as `sendStep`. */
export async function resumeStep(record: JournalStep, place: SendPlace): Promise<DoneStep> {
  const { chain } = place;
  const newest = record.attempts.at(-1)!;
  place.onEvent({ kind: 'found', step: record.name, hash: record.minedHash ?? newest.hash });
  if (record.minedHash !== undefined) {
    const receipt = await readReceipt(chain, record.minedHash);
    if (receipt?.isSuccess) return { name: record.name, nonce: record.nonce, receipt };
    // A reorganisation took it back; it is waited for again.
    delete record.minedHash;
  }
  return await deliver(record, {}, place);
}

async function sign(
  call: Pick<FeeMarketTransaction, 'to' | 'data' | 'nonce'>,
  gas: Gas,
  { chain, journal, openKey }: SendPlace,
): Promise<{ hash: HexText; raw: HexText }> {
  const key = await openKey();
  const transaction = { chainId: chain.chainId, from: journal.owner, ...call, ...gas };
  return { ...signTransaction(transaction, key.sign) };
}

/** Hands the newest attempt over and waits; dearer once when no endpoint takes it for its price. */
async function deliver(record: JournalStep, known: { gas?: bigint }, place: SendPlace): Promise<DoneStep> {
  const { chain, journal, file } = place;
  const sent = await broadcast(chain, record.attempts.at(-1)!.raw);
  if (sent.kind === 'refused') {
    if (sent.isTaken && !(await isAnyKnown(record, place))) throw nonceTaken(record, sent.reason, file);
    if (!sent.isFee) throw notTaken(record, sent.reason, file);
    const gas = known.gas ?? (await estimateAgain(record, place));
    const { maxFeePerGas, maxPriorityFeePerGas } = dearer(await readFees(chain));
    if (gas * maxFeePerGas > place.maxCost)
      throw notTaken(record, `${sent.reason}, and more than --max-cost`, file);
    // The same nonce: of all attempts one at most is ever mined.
    record.attempts.push(await sign(record, { gas, maxFeePerGas, maxPriorityFeePerGas }, place));
    await file.write(journal);
    const again = await broadcast(chain, record.attempts.at(-1)!.raw);
    if (again.kind === 'refused') throw notTaken(record, again.reason, file);
  }
  return await settle(record, place);
}

/** Whether what waits with the nonce may be an attempt of this step. */
async function isAnyKnown({ attempts }: JournalStep, { chain }: SendPlace): Promise<boolean> {
  for (const { hash } of attempts) if (await isKnown(chain, hash)) return true;
  return false;
}

/** Endpoints want a tenth more for a transaction that replaces another one. */
const dearer = ({ maxFeePerGas, maxPriorityFeePerGas }: Omit<Gas, 'gas'>): Omit<Gas, 'gas'> => ({
  maxFeePerGas: maxFeePerGas + maxFeePerGas / 4n + 1n,
  maxPriorityFeePerGas: maxPriorityFeePerGas + maxPriorityFeePerGas / 4n + 1n,
});

async function estimateAgain(
  { name, to, data }: JournalStep,
  { chain, journal }: SendPlace,
): Promise<bigint> {
  const simulation = await simulateCall(chain, { from: journal.owner, to, data });
  if (simulation.kind === 'gas') return simulation.gas;
  throw refused(`${name} was signed but never sent, and now the contract refuses it: ${simulation.reason}.`);
}

async function settle(record: JournalStep, place: SendPlace): Promise<DoneStep> {
  const { chain, journal, file, waiting, onEvent } = place;
  const { name } = record;
  const hash = record.attempts.at(-1)!.hash;
  const outcome = await awaitTransaction(
    chain,
    { from: journal.owner, nonce: record.nonce, attempts: record.attempts, fromBlock: record.fromBlock },
    { ...waiting, onProgress: (progress) => onEvent({ kind: 'progress', step: name, hash, progress }) },
  );
  const receipt = await receiptOf(outcome, record, place);
  record.minedHash = receipt.hash;
  await file.write(journal);
  onEvent({ kind: 'confirmed', step: name, hash: receipt.hash, receipt });
  return { name, nonce: record.nonce, receipt };
}

async function receiptOf(outcome: WaitOutcome, record: JournalStep, place: SendPlace): Promise<Receipt> {
  const { chain, file, waiting } = place;
  switch (outcome.kind) {
    case 'confirmed':
      return outcome.receipt;
    case 'reverted':
      file.remove();
      throw failed(
        `${record.name} was mined in block ${outcome.receipt.blockNumber}, but the contract refused it: ${await reasonAt(record, outcome.receipt, place)}.`,
        'reverted',
        outcome.receipt.hash,
      );
    case 'replaced': {
      const { by } = outcome;
      const receipt = by === undefined ? undefined : await readReceipt(chain, by.hash);
      const isSameCall = by?.to === record.to && by.data === record.data;
      // The owner paid more for it in a wallet.
      if (receipt?.isSuccess && isSameCall) return receipt;
      file.remove();
      const what = by === undefined ? 'Another transaction' : `The transaction ${by.hash}`;
      throw failed(
        `${record.name} was replaced: ${what} of this account has its nonce ${record.nonce} and was mined instead. Look at it, then call this again.`,
        'replaced',
        record.attempts.at(-1)!.hash,
      );
    }
    case 'late':
      throw new NodeError('transaction_pending', {
        message:
          `${record.name} is not confirmed after ${formatDuration(waiting.withinMs)}: ${stateWords[outcome.state]}. ` +
          `Transaction ${record.attempts.at(-1)!.hash}, nonce ${record.nonce}. The same command again goes on waiting for it and sends no other.`,
        meta: { state: outcome.state, hash: record.attempts.at(-1)!.hash },
      });
  }
}

const stateWords = {
  mined: 'it is mined, but no endpoint confirms it deeply enough',
  waiting: 'it is waiting to be mined',
  unknown: 'no endpoint knows it any more (it was dropped), though it was sent again',
} as const;

async function reasonAt(
  { to, data }: JournalStep,
  { blockNumber }: Receipt,
  { chain, journal }: SendPlace,
): Promise<string> {
  try {
    // The state before the block is the nearest that can be asked for.
    await chain.request('eth_call', [{ from: journal.owner, to, data }, quantity(blockNumber - 1)]);
    return 'something in the same block changed its mind, or the gas ran out';
  } catch (thrown) {
    const kind = chainFailureKind(thrown);
    if (kind === undefined) throw thrown;
    return kind === 'reverted' ? revertReason(thrown) : 'the endpoint does not tell why';
  }
}

const notTaken = ({ name, nonce }: JournalStep, reason: string, { path }: JournalFile): NodeError =>
  failed(
    `No endpoint takes ${name} (nonce ${nonce}): ${reason}. It is signed and kept in ${path}: the same command again offers the same bytes once more.`,
    'not_taken',
  );

/** Dearer gas would push that transaction out, and nobody asked for that. */
const nonceTaken = ({ name, nonce }: JournalStep, reason: string, { path }: JournalFile): NodeError =>
  failed(
    `Another transaction of this account waits with the nonce ${nonce} that ${name} was signed with (${reason}), so ${name} was not taken. ` +
      `Wait until that one is mined, or cancel it in the wallet that sent it; then call this again. What was signed is kept in ${path}.`,
    'not_taken',
  );

function failed(message: string, outcome: 'reverted' | 'replaced' | 'not_taken', hash?: HexText): NodeError {
  return new NodeError('transaction_failed', { message, meta: { outcome, ...(hash ? { hash } : {}) } });
}
