/**
 * What an earlier run left in the journal, before a request is planned: transactions of the same request are waited for, those
 * of another one must be over first. Runs in the command line.
 */

import type { Chain } from '../contracts/chain.js';
import { readNonce } from '../contracts/receipt.js';
import { NodeError } from '../errors/nodeError.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import { spentOn } from './doneSteps.js';
import type { Journal, JournalFile, JournalStep } from './providerJournal.js';
import { type DoneStep, resumeStep, type SendPlace } from './sendStep.js';

/** What makes two runs the same. */
export type RunIdentity = Pick<Journal, 'chainId' | 'registry' | 'owner' | 'action' | 'request'>;

export interface Resumed {
  readonly done: readonly DoneStep[];
  /** The request is done with. */
  readonly isFinished: boolean;
}

export const isSameRun = (journal: Journal, run: RunIdentity): boolean =>
  journal.chainId === run.chainId &&
  journal.registry === run.registry &&
  journal.owner === run.owner &&
  journal.request === run.request;

/** Waits for what the journal holds; throws as `resumeStep`. */
export async function resumeRun(place: SendPlace): Promise<Resumed> {
  const done: DoneStep[] = [];
  for (const record of place.journal.steps) {
    const maxCost = place.maxCost - spentOn(done);
    done.push(await resumeStep(record, { ...place, maxCost }));
  }
  return { done, isFinished: place.journal.steps.at(-1)?.isLast === true };
}

/**
 * Another request left the journal: when nothing of it can happen any more it is removed, else it comes first.
 * Throws `transaction_pending`.
 */
export async function clearOtherRun(chain: Chain, journal: Journal, file: JournalFile): Promise<void> {
  const open = await openStep(chain, journal);
  if (open === undefined) {
    file.remove();
    return;
  }
  throw new NodeError('transaction_pending', {
    message:
      `An earlier "fxn provider ${journal.action}" of ${checksumAddress(journal.owner)} on chain ${journal.chainId} is not finished: ` +
      `${open.name}, transaction ${open.attempts.at(-1)!.hash}, nonce ${open.nonce}. Call it again with the same options to finish it. ` +
      `To give it up, make sure that the transaction can no longer be mined, then delete ${file.path}.`,
    meta: { action: journal.action },
  });
}

async function openStep(chain: Chain, journal: Journal): Promise<JournalStep | undefined> {
  if (journal.chainId !== chain.chainId) return journal.steps.at(-1);
  // A nonce that is used up can never bring the transaction, whichever took it.
  const used = await readNonce(chain, journal.owner, 'latest');
  return journal.steps.find(({ nonce }) => nonce >= used);
}
