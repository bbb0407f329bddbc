/**
 * Hands signed bytes to every endpoint. The same bytes are the same transaction, so handing them over again, after a
 * broken connection or a crash, sends nothing twice. Runs in the command line.
 */
import type { NodeError } from '../errors/nodeError.js';
import type { HexText } from '../lib/hexText.js';
import { printableText } from '../lib/printableText.js';
import type { Chain } from './chain.js';
import { chainFailureKind } from './chainFailure.js';

/**
 * `taken`: an endpoint has it, or it or another one with its nonce is on the chain already. `unsure`: no endpoint could be
 * asked, some may have it. `refused`: every endpoint that answered said no; `isFee` when dearer gas would help,
 * `isTaken` when a transaction of this account already waits with the nonce.
 */
export type Broadcast =
  | { readonly kind: 'taken' }
  | { readonly kind: 'unsure'; readonly failure: NodeError }
  | { readonly kind: 'refused'; readonly reason: string; readonly isFee: boolean; readonly isTaken: boolean };

const alreadyThere =
  /already known|known transaction|already imported|already exists|nonce (?:is )?too low|nonce.*already/i;
const tooCheap = /underpriced|fee too low|less than block base fee|fee cap|gas price.*(?:low|below)/i;
const replacesAnother = /replacement/i;

export async function broadcast(chain: Chain, raw: HexText): Promise<Broadcast> {
  const answers = await chain.requestAll('eth_sendRawTransaction', [raw]);
  const failures: NodeError[] = [];
  for (const { result: answer } of answers) {
    if (answer.status === 'fulfilled') return { kind: 'taken' };
    if (chainFailureKind(answer.reason) === undefined) throw answer.reason;
    failures.push(answer.reason as NodeError);
  }
  const said = failures.map(({ meta }) => (typeof meta['said'] === 'string' ? meta['said'] : undefined));
  if (said.some((text) => text !== undefined && alreadyThere.test(text))) return { kind: 'taken' };
  const unsure = failures.find((_, at) => said[at] === undefined);
  if (unsure !== undefined) return { kind: 'unsure', failure: unsure };
  const [reason = 'no endpoint took it'] = said;
  return {
    kind: 'refused',
    reason: printableText(String(reason)),
    isFee: tooCheap.test(String(reason)),
    isTaken: said.some((text) => text !== undefined && replacesAnother.test(text)),
  };
}
