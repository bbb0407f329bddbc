/**
 * A node's two answers, from JSON of any content to what the verifier works with. The work is bounded by what was
 * asked for, whatever the node sends, and nothing of it is repeated in a message, except short printable claims.
 */
import { recoveryIdOf } from '../auth/recoveryId.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import { isRecord } from '../lib/unknownJson.js';
import { proofVersion } from '../proof/protocol.js';
import { type NodeClaim, openingPlace, Refusal } from './verdict.js';

export interface ExpectedCommitment {
  readonly address: AddressText;
  readonly chainId: number;
  readonly size: number;
  readonly rounds: number;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

export interface Commitment {
  readonly commitmentId: string;
  /** One a round; as text for the statement that is signed, as bytes for everything else. */
  readonly rootTexts: readonly string[];
  readonly roots: readonly Uint8Array[];
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  readonly recoveryId: 0 | 1;
  /** Unix seconds, by the node's clock. */
  readonly expiresAtS: number;
}

export interface ExpectedOpening {
  readonly round: number;
  readonly indices: readonly number[];
  readonly size: number;
}

export interface OpenedRow {
  readonly index: number;
  /** int32 little-endian. */
  readonly values: Uint8Array;
  /** Leaf to top. */
  readonly path: readonly Uint8Array[];
}

/** Printable and without line feeds, so that it stays one line of the statement. */
const commitmentIdForm = /^[\x21-\x7e]{1,128}$/;
const hashForm = /^0x[0-9a-f]{64}$/;
const signatureForm = /^0x[0-9a-fA-F]{130}$/;
/** A tree over as many rows as are exact is no higher. */
const maxPathLength = 18;
/** A node's clock may be behind this one. */
const expiryToleranceMs = 30_000;

const malformed = (what: string): Refusal => new Refusal('malformed', `${what}.`);

export function readCommitment(body: unknown, expected: ExpectedCommitment): Commitment | Refusal {
  if (!isRecord(body)) return malformed('The answer is not a JSON object');
  const { proof, merkleRoot, matrixSize } = body;
  if (!isRecord(proof)) return malformed('The answer has no proof');
  const { version, commitmentId, roots, address, chainId, expiresAt, signature } = proof;
  if (version !== proofVersion) {
    return new Refusal('wrong_version', `The proof is not of the version ${proofVersion}.`);
  }
  if (typeof commitmentId !== 'string' || !commitmentIdForm.test(commitmentId)) {
    return malformed('proof.commitmentId is not a short printable text');
  }
  if (!Array.isArray(roots) || roots.length !== expected.rounds) {
    return malformed('proof.roots has not one root for each round');
  }
  const rootTexts: string[] = [];
  for (const root of roots as readonly unknown[]) {
    if (!isHash(root)) return malformed('proof.roots holds something else than 0x and 64 hex digits');
    rootTexts.push(root);
  }
  const prover = typeof address === 'string' ? parseAddress(address) : undefined;
  if (prover === undefined) return malformed('proof.address is not an address');
  if (prover !== expected.address) {
    return new Refusal('wrong_address', 'The proof was made for another address than the expected one.');
  }
  if (chainId !== expected.chainId) {
    return new Refusal('wrong_chain', `The proof was not made for the chain ${expected.chainId}.`);
  }
  if (matrixSize !== undefined && matrixSize !== expected.size) {
    return new Refusal('wrong_size', `matrixSize is not ${expected.size}.`);
  }
  if (!isHash(merkleRoot) || merkleRoot !== rootTexts.at(-1)) {
    return new Refusal('wrong_root', 'merkleRoot is not the root of the last round.');
  }
  if (!isWholeNumber(expiresAt)) return malformed('proof.expiresAt is not a time in Unix seconds');
  if (expiresAt * 1_000 + expiryToleranceMs < expected.nowMs) {
    return new Refusal('expired', 'The commitment was already out of date when it came.');
  }
  const signed = typeof signature === 'string' && signatureForm.test(signature) ? signature : undefined;
  if (signed === undefined) return malformed('proof.signature is not 65 bytes in hex with 0x');
  const bytes = hexBytes(signed);
  const recoveryId = recoveryIdOf(bytes[64]);
  if (recoveryId === undefined) return malformed('The last byte of proof.signature is neither 27 nor 28');
  return {
    commitmentId,
    rootTexts,
    roots: rootTexts.map(hexBytes),
    signature: bytes.subarray(0, 64),
    recoveryId,
    expiresAtS: expiresAt,
  };
}

export function readOpening(
  body: unknown,
  { round, indices, size }: ExpectedOpening,
): readonly OpenedRow[] | Refusal {
  const place = openingPlace(round);
  if (!isRecord(body)) return new Refusal('malformed', 'The answer is not a JSON object.', { place });
  if (body['round'] !== round) {
    return new Refusal('wrong_round', 'The opening is of another round than was asked for.', { place });
  }
  const { rows } = body;
  if (!Array.isArray(rows)) return new Refusal('malformed', 'The answer has no list of rows.', { place });
  if (rows.length !== indices.length) {
    return new Refusal('wrong_rows', `There are not ${indices.length} rows, as many as were asked for.`, {
      place,
    });
  }
  const opened: OpenedRow[] = [];
  for (const index of indices) {
    const row = readRow(rows[opened.length], { round, index, size });
    if (row instanceof Refusal) return row;
    opened.push(row);
  }
  return opened;
}

function readRow(
  row: unknown,
  { round, index, size }: { round: number; index: number; size: number },
): OpenedRow | Refusal {
  const place = openingPlace(round, index);
  const malformedRow = (what: string) => new Refusal('malformed', `${what}.`, { place });
  if (!isRecord(row)) return malformedRow('The row is not an object');
  if (!Number.isInteger(row['index'])) return malformedRow('The index of the row is no integer');
  if (row['index'] !== index) {
    return new Refusal('wrong_rows', 'Another row stands where this one was asked for.', { place });
  }
  const values = readValues(row['values'], size * 4);
  if (values === undefined) return malformedRow(`values is not base64 of ${size} int32`);
  const { path } = row;
  if (!Array.isArray(path) || path.length > maxPathLength)
    return malformedRow('path is not a list of hashes');
  const hashes: Uint8Array[] = [];
  for (const hash of path as readonly unknown[]) {
    if (!isHash(hash)) return malformedRow('path holds something else than 0x and 64 hex digits');
    hashes.push(hexBytes(hash));
  }
  return { index, values, path: hashes };
}

/** Base64 in its one spelling: what Node's decoder skips or guesses is refused. */
function readValues(text: unknown, bytes: number): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length !== Math.ceil(bytes / 3) * 4) return undefined;
  const values = Buffer.from(text, 'base64');
  return values.length === bytes && values.toString('base64') === text ? values : undefined;
}

/** Longer device names do not exist. */
const maxClaimLength = 120;

export function readClaim(body: unknown): NodeClaim | null {
  if (!isRecord(body)) return null;
  const gflops = figure(body['gflops']);
  return {
    backend: words(body['backend']),
    device: words(body['device']),
    timeMs: figure(body['computationTimeMs']),
    tops: gflops === null ? null : gflops / 1_000,
  };
}

/** Safe on a terminal: a node must not be able to move the cursor of whoever looks at it. */
const words = (value: unknown): string | null =>
  typeof value === 'string' && value !== ''
    ? value.slice(0, maxClaimLength).replaceAll(/[^\x20-\x7e]/g, '?')
    : null;

const figure = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;

const errorCodeForm = /^[a-z0-9_]{1,64}$/;

/** The code of a node's refusal; `null` where there is none, or something else answered. */
export function readErrorCode(body: unknown): string | null {
  const error = isRecord(body) ? body['error'] : undefined;
  const code = isRecord(error) ? error['code'] : undefined;
  return typeof code === 'string' && errorCodeForm.test(code) ? code : null;
}

const isWholeNumber = (value: unknown): value is number => Number.isSafeInteger(value);

const isHash = (value: unknown): value is string => typeof value === 'string' && hashForm.test(value);

const hexBytes = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex');
