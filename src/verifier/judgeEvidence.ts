/**
 * What a node's answers prove: that the expected key signed the roots of this seed, that the opened rows are those
 * that it committed to, and that they are rows of the product. Costs O(n²) a round.
 */

import { personalDigest } from '../auth/digest.js';
import { recoverInJavaScript } from '../auth/recoverInJavaScript.js';
import { type AddressText, addressText } from '../lib/address.js';
import { commitStatement } from '../proof/commitStatement.js';
import { firstPreviousRoot, roundKeys } from '../proof/inputKeys.js';
import { rootOfPath, rowLeaf } from '../proof/rowTree.js';
import { checkRows, type RandomBytes } from './checkRows.js';
import type { Evidence } from './collectEvidence.js';
import type { Commitment, OpenedRow } from './readAnswers.js';
import { openingPlace, Refusal } from './verdict.js';

export interface ChallengedNode {
  readonly address: AddressText;
  readonly chainId: number;
  readonly size: number;
  readonly random: RandomBytes;
}

/** `undefined` when everything holds. */
export function judgeEvidence(
  { seed, commitment, openings }: Evidence,
  node: ChallengedNode,
): Refusal | undefined {
  if (commitment instanceof Refusal) return commitment;
  if (!isSigned(seed, commitment, node)) {
    const detail = 'The expected key did not sign these roots for this seed.';
    return new Refusal('bad_signature', detail);
  }
  for (const [round, opening] of openings.entries()) {
    if (opening instanceof Refusal) return opening;
    const refusal =
      strayRow(opening, commitment, round, node.size) ?? wrongRow(opening, { seed, commitment, round, node });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function isSigned(
  seed: Uint8Array,
  commitment: Commitment,
  { address, chainId, size }: ChallengedNode,
): boolean {
  const { commitmentId, rootTexts, signature, recoveryId } = commitment;
  const seedText = Buffer.from(seed).toString('hex');
  const statement = commitStatement({ commitmentId, seed: seedText, size, chainId, roots: rootTexts });
  const signer = recoverInJavaScript({ digest: personalDigest(statement), signature, recoveryId });
  return signer !== undefined && addressText(signer) === address;
}

function strayRow(
  rows: readonly OpenedRow[],
  { roots }: Commitment,
  round: number,
  size: number,
): Refusal | undefined {
  for (const { index, values, path } of rows) {
    const root = rootOfPath(rowLeaf(index, values), index, size, path);
    if (root !== undefined && Buffer.compare(root, roots[round]!) === 0) continue;
    const detail = 'The path of the row does not lead to the root of its round.';
    return new Refusal('wrong_path', detail, { place: openingPlace(round, index) });
  }
  return undefined;
}

interface OpenedRound {
  readonly seed: Uint8Array;
  readonly commitment: Commitment;
  readonly round: number;
  readonly node: ChallengedNode;
}

function wrongRow(
  rows: readonly OpenedRow[],
  { seed, commitment, round, node: { address, chainId, size, random } }: OpenedRound,
): Refusal | undefined {
  const previousRoot = commitment.roots[round - 1] ?? firstPreviousRoot;
  const keys = roundKeys({ seed, address, chainId, round, previousRoot });
  const [wrong] = checkRows({
    keyA: keys.a,
    keyB: keys.b,
    size,
    indices: rows.map(({ index }) => index),
    rows: rows.map(({ values }) => values),
    random,
  });
  if (wrong === undefined) return undefined;
  const detail = 'The row is not a row of the product.';
  return new Refusal('wrong_values', detail, { place: openingPlace(round, wrong) });
}
