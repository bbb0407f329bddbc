/**
 * A prover of `fxn-matmul-1` made of plain loops, as the definition has it, with places where a test can make it
 * lie. Good for small sizes. It keeps commitments as a node does: an opening is used once, and they expire.
 */
import { randomBytes } from 'node:crypto';
import { personalDigest } from '#src/auth/digest.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import type { AddressText } from '#src/lib/address.js';
import { commitStatement } from '#src/proof/commitStatement.js';
import { firstPreviousRoot, roundKeys } from '#src/proof/inputKeys.js';
import { inputValues } from '#src/proof/keystream.js';
import { openedRowIndices } from '#src/proof/openedRows.js';
import { rowLeaf, treePath, treeRoot } from '#src/proof/rowTree.js';
import type { Ask, NodeAnswer } from '#src/verifier/collectEvidence.js';
import { bytesOf, hexOf, schedulerKey } from '#test/keys/publicTestKeys.js';

export interface ProverScript {
  readonly privateKeyHex?: string;
  readonly chainId?: number;
  /** Changes the product before it is committed to: `size` rows of `size` cells. */
  readonly spoilProduct?: (cells: Int32Array, round: number) => void;
  /** The root that is stated and built upon instead of the right one. */
  readonly inventRoot?: (round: number) => Uint8Array | undefined;
  /** Unix seconds. */
  readonly nowS?: () => number;
}

interface Held {
  readonly size: number;
  readonly roots: readonly Uint8Array[];
  readonly rounds: readonly { readonly cells: Int32Array; readonly leaves: Uint8Array }[];
  readonly opened: Set<number>;
  readonly expiresAtS: number;
}

export interface CommitAnswer {
  [member: string]: unknown;
  merkleRoot: string;
  proof: {
    [member: string]: unknown;
    version: string;
    commitmentId: string;
    roots: string[];
    address: string;
    chainId: number;
    expiresAt: number;
    signature: string;
  };
}

export interface OpenAnswer {
  round: number;
  rows: { index: number; values: string; path: string[] }[];
}

type Payload = Readonly<Record<string, unknown>>;

export const proverAddress = schedulerKey.checksumAddress.toLowerCase() as AddressText;
export const proverChainId = 84_532;
const ttlS = 60;

export class ScriptedProver {
  readonly #script: ProverScript;
  readonly #held = new Map<string, Held>();

  constructor(script: ProverScript = {}) {
    this.#script = script;
  }

  answer(type: unknown, payload: Payload): Pick<NodeAnswer, 'status' | 'body'> {
    if (type === 'MATRIX_MULTIPLICATION') return { status: 200, body: this.commit(payload) };
    return this.open(payload);
  }

  readonly ask: Ask = async (type, payload) => {
    // As it is on the wire.
    const sent = JSON.parse(JSON.stringify(payload)) as Payload;
    const sentAtMs = performance.now();
    const { status, body } = this.answer(type, sent);
    const received: unknown = JSON.parse(JSON.stringify(body));
    return { status, body: received, sentAtMs, answeredAtMs: sentAtMs + 250 };
  };

  commit(payload: Payload): CommitAnswer {
    const { privateKeyHex = schedulerKey.privateKeyHex, chainId = proverChainId } = this.#script;
    const { spoilProduct, inventRoot, nowS = () => Math.floor(Date.now() / 1_000) } = this.#script;
    const key = createNodeKey(bytesOf(privateKeyHex));
    const { seed, size, rounds } = payload as { seed: string; size: number; rounds: number };
    const roots: Uint8Array[] = [];
    const held: { cells: Int32Array; leaves: Uint8Array }[] = [];
    for (let round = 0; round < rounds; round++) {
      const previousRoot = roots[round - 1] ?? firstPreviousRoot;
      const keys = roundKeys({ seed: bytesOf(seed), address: key.address, chainId, round, previousRoot });
      const cells = plainProduct(keys.a, keys.b, size);
      spoilProduct?.(cells, round);
      const leaves = leavesOf(cells, size);
      held.push({ cells, leaves });
      roots.push(inventRoot?.(round) ?? treeRoot(leaves));
    }
    const commitmentId = randomBytes(16).toString('hex');
    const expiresAtS = nowS() + ttlS;
    this.#held.set(commitmentId, { size, roots, rounds: held, opened: new Set(), expiresAtS });
    const rootTexts = roots.map((root) => `0x${hexOf(root)}`);
    const statement = commitStatement({ commitmentId, seed, size, chainId, roots: rootTexts });
    return {
      computationTimeMs: 12.5,
      gflops: 3.5,
      backend: 'cpu',
      device: 'plain loops',
      matrixSize: size,
      merkleRoot: rootTexts.at(-1)!,
      proof: {
        version: 'fxn-matmul-1',
        commitmentId,
        roots: rootTexts,
        address: key.checksumAddress,
        chainId,
        expiresAt: expiresAtS,
        signature: signatureText(key.sign(personalDigest(statement))),
      },
    };
  }

  open(payload: Payload): Pick<NodeAnswer, 'status' | 'body'> {
    const { nowS = () => Math.floor(Date.now() / 1_000) } = this.#script;
    const { commitmentId, nonce, rows, round } = payload as {
      commitmentId: string;
      nonce: string;
      rows: number;
      round: number;
    };
    const held = this.#held.get(commitmentId);
    const proof = held?.rounds[round];
    if (held === undefined || proof === undefined) return refusal(404, 'commitment_not_found');
    if (nowS() >= held.expiresAtS) return refusal(410, 'commitment_expired');
    if (held.opened.has(round)) return refusal(409, 'commitment_opened');
    held.opened.add(round);
    const { size, roots } = held;
    const indices = openedRowIndices({ roots, nonce: bytesOf(nonce), rows, size });
    return { status: 200, body: { round, rows: indices.map((index) => openedRow(index, size, proof)) } };
  }
}

export const refusal = (status: number, code: string): Pick<NodeAnswer, 'status' | 'body'> => ({
  status,
  body: { error: { message: 'No.', code } },
});

export function signatureText(signed: Uint8Array): string {
  const signature = Buffer.from(signed);
  signature[64] = signature[64]! + 27;
  return `0x${signature.toString('hex')}`;
}

export function plainProduct(keyA: Uint8Array, keyB: Uint8Array, size: number): Int32Array {
  const a = inputValues(keyA, 0, size * size);
  const b = inputValues(keyB, 0, size * size);
  const cells = new Int32Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      for (let j = 0; j < size; j++) {
        cells[i * size + j] = cells[i * size + j]! + a[i * size + k]! * b[k * size + j]!;
      }
    }
  }
  return cells;
}

export function rowBytes(cells: Int32Array, size: number, index: number): Uint8Array {
  return new Uint8Array(cells.slice(index * size, (index + 1) * size).buffer);
}

function leavesOf(cells: Int32Array, size: number): Uint8Array {
  const leaves = new Uint8Array(size * 32);
  for (let i = 0; i < size; i++) leaves.set(rowLeaf(i, rowBytes(cells, size, i)), i * 32);
  return leaves;
}

function openedRow(index: number, size: number, { cells, leaves }: Held['rounds'][number]) {
  return {
    index,
    values: Buffer.from(rowBytes(cells, size, index)).toString('base64'),
    path: treePath(leaves, index).map((hash) => `0x${hexOf(hash)}`),
  };
}
