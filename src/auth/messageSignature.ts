/**
 * The headers of an HTTP message signature (RFC 9421), checked for form only: which of the labelled signatures
 * counts, what it covers, and its parameters. Runs on the fronts.
 */
import {
  type BareItem,
  type Dictionary,
  isInnerList,
  type Parameters,
  parseDictionary,
  serializeInnerList,
} from 'structured-headers';
import { NodeError } from '../errors/nodeError.js';

export interface MessageSignature {
  readonly keyid: string;
  readonly algorithm: string | undefined;
  /** Unix seconds, not checked against the clock. */
  readonly createdS: number;
  readonly expiresS: number;
  /** 1 to 512 characters of printable ASCII. */
  readonly nonce: string;
  /** Names of the covered components, in order, none twice. */
  readonly components: readonly string[];
  /** The value of `@signature-params`, in the one spelling that is signed. */
  readonly parameters: string;
  readonly signature: Buffer;
}

/** Each: generous for what callers need, and little work for a stranger's headers. */
const maxHeaderLength = 4_096;
const maxNonceLength = 512;

type Labelled = readonly [label: string, keyid: string];

/**
 * The one signature whose keyid `isAcceptable`; a request may carry others, for other readers. `refuseKeyids`
 * says why none is.
 */
export function parseMessageSignature(
  headers: ReadonlyMap<string, string>,
  isAcceptable: (keyid: string) => boolean,
  refuseKeyids: (keyids: readonly string[]) => NodeError,
): MessageSignature | NodeError {
  const inputs = parseHeader('Signature-Input', headers.get('signature-input') ?? '');
  if (inputs instanceof NodeError) return inputs;
  const signatures = parseHeader('Signature', headers.get('signature') ?? '');
  if (signatures instanceof NodeError) return signatures;

  const labelled: Labelled[] = [];
  for (const [label, [, parameters]] of inputs) {
    const keyid = parameters.get('keyid');
    if (typeof keyid === 'string') labelled.push([label, keyid]);
  }
  const acceptable = labelled.filter(([, keyid]) => isAcceptable(keyid));
  const [chosen, second] = acceptable;
  if (chosen === undefined) return refuseKeyids(labelled.map(([, keyid]) => keyid));
  if (second !== undefined) return malformed('Two signatures are for this node; it takes one.');
  const [label, keyid] = chosen;

  const input = inputs.get(label)!;
  if (!isInnerList(input)) return malformed('Signature-Input does not list the covered components.');
  const components = componentNames(input[0]);
  if (components instanceof NodeError) return components;
  const parameters = input[1];
  const createdS = wholeNumber(parameters, 'created');
  const expiresS = wholeNumber(parameters, 'expires');
  if (createdS === undefined || expiresS === undefined) {
    return malformed('The signature parameters created and expires are required, as Unix seconds.');
  }
  if (expiresS <= createdS) return malformed('The signature expires before it was created.');
  const nonce = parameters.get('nonce');
  if (typeof nonce !== 'string' || nonce.length === 0 || nonce.length > maxNonceLength) {
    return malformed(`The signature parameter nonce is required: 1 to ${maxNonceLength} characters.`);
  }
  const algorithm = parameters.get('alg');
  if (algorithm !== undefined && typeof algorithm !== 'string') return malformed('alg is not a string.');
  const signature = signatures.get(label)?.[0];
  if (!(signature instanceof ArrayBuffer)) return malformed('Signature holds no bytes under that label.');

  return {
    keyid,
    algorithm,
    createdS,
    expiresS,
    nonce,
    components,
    parameters: serializeInnerList(input),
    signature: Buffer.from(signature),
  };
}

function parseHeader(name: string, value: string): Dictionary | NodeError {
  if (value === '') return new NodeError('auth_missing', { message: `${name} is missing.` });
  if (value.length > maxHeaderLength) return malformed(`${name} is longer than ${maxHeaderLength} bytes.`);
  let dictionary: Dictionary;
  try {
    dictionary = parseDictionary(value);
  } catch {
    // The parser says where it stopped, which a caller's own tools say better.
    return malformed(`${name} is not a dictionary of structured fields (RFC 9651).`);
  }
  // The last of two members with one name counts; which one a signer meant is not for this node to guess.
  if (countMembers(value) !== dictionary.size) return malformed(`${name} has a label twice.`);
  return dictionary;
}

/** A string with its escapes, or a display string, which knows no backslash. */
const strings = /%"[^"]*"|"(?:[^"\\]|\\.)*"/g;

/** How many members a dictionary has that was parsed before: one more than commas outside of strings. */
function countMembers(dictionary: string): number {
  return dictionary.replace(strings, '').split(',').length;
}

function componentNames(items: readonly [BareItem, Parameters][]): readonly string[] | NodeError {
  const names = new Set<string>();
  for (const [name, parameters] of items) {
    if (typeof name !== 'string') return malformed('A covered component is not named by a string.');
    if (parameters.size > 0) return malformed('Parameters of covered components are not supported.');
    if (names.has(name)) return malformed('A component is covered twice.');
    names.add(name);
  }
  return [...names];
}

function wholeNumber(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });
