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
import { type PlainBytes, type PlainInput, readPlainBytes, readPlainInput } from './plainFields.js';

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

/** What a header says, in the spelling that signers use or in any other. */
type Field<Plain> = Plain | Dictionary;

/**
 * The one signature whose keyid `isAcceptable`; a request may carry others, for other readers. `refuseKeyids`
 * says why none is.
 */
export function parseMessageSignature(
  headers: ReadonlyMap<string, string>,
  isAcceptable: (keyid: string) => boolean,
  refuseKeyids: (keyids: readonly string[]) => NodeError,
): MessageSignature | NodeError {
  const inputs = parseHeader('Signature-Input', headers.get('signature-input') ?? '', readPlainInput);
  if (inputs instanceof NodeError) return inputs;
  const signatures = parseHeader('Signature', headers.get('signature') ?? '', readPlainBytes);
  if (signatures instanceof NodeError) return signatures;

  const input = inputs instanceof Map ? chooseInput(inputs, isAcceptable, refuseKeyids) : inputs;
  if (input instanceof NodeError) return input;
  const { label, keyid, nonce, alg: algorithm } = input;
  if (typeof keyid !== 'string') return refuseKeyids([]);
  if (input === inputs && !isAcceptable(keyid)) return refuseKeyids([keyid]);
  const createdS = wholeNumber(input.created);
  const expiresS = wholeNumber(input.expires);
  if (createdS === undefined || expiresS === undefined) {
    return malformed('The signature parameters created and expires are required, as Unix seconds.');
  }
  if (expiresS <= createdS) return malformed('The signature expires before it was created.');
  if (typeof nonce !== 'string' || nonce.length === 0 || nonce.length > maxNonceLength) {
    return malformed(`The signature parameter nonce is required: 1 to ${maxNonceLength} characters.`);
  }
  if (algorithm !== undefined && typeof algorithm !== 'string') return malformed('alg is not a string.');
  const signature = bytesUnder(signatures, label);
  if (signature === undefined) return malformed('Signature holds no bytes under that label.');
  const { components, parameters } = input;
  return { keyid, algorithm, createdS, expiresS, nonce, components, parameters, signature };
}

/** What one member of a Signature-Input covers and says. */
interface Input extends Pick<PlainInput, 'label' | 'components' | 'parameters'> {
  readonly keyid: unknown;
  readonly created: unknown;
  readonly expires: unknown;
  readonly nonce: unknown;
  readonly alg: unknown;
}

/** The one member of many whose keyid is acceptable. */
function chooseInput(
  inputs: Dictionary,
  isAcceptable: (keyid: string) => boolean,
  refuseKeyids: (keyids: readonly string[]) => NodeError,
): Input | NodeError {
  const keyids: string[] = [];
  const acceptable: string[] = [];
  for (const [label, [, parameters]] of inputs) {
    const keyid = parameters.get('keyid');
    if (typeof keyid !== 'string') continue;
    keyids.push(keyid);
    if (isAcceptable(keyid)) acceptable.push(label);
  }
  const [label, second] = acceptable;
  if (label === undefined) return refuseKeyids(keyids);
  if (second !== undefined) return malformed('Two signatures are for this node; it takes one.');

  const member = inputs.get(label)!;
  if (!isInnerList(member)) return malformed('Signature-Input does not list the covered components.');
  const components = componentNames(member[0]);
  if (components instanceof NodeError) return components;
  const parameters = member[1];
  return {
    label,
    components,
    parameters: serializeInnerList(member),
    keyid: parameters.get('keyid'),
    created: parameters.get('created'),
    expires: parameters.get('expires'),
    nonce: parameters.get('nonce'),
    alg: parameters.get('alg'),
  };
}

function bytesUnder(signatures: Field<PlainBytes>, label: string): Buffer | undefined {
  if (!(signatures instanceof Map)) return signatures.label === label ? signatures.bytes : undefined;
  const bytes = signatures.get(label)?.[0];
  return bytes instanceof ArrayBuffer ? Buffer.from(bytes) : undefined;
}

function parseHeader<Plain>(
  name: string,
  value: string,
  readPlain: (value: string) => Plain | undefined,
): Field<Plain> | NodeError {
  if (value === '') return new NodeError('auth_missing', { message: `${name} is missing.` });
  if (value.length > maxHeaderLength) return malformed(`${name} is longer than ${maxHeaderLength} bytes.`);
  const plain = readPlain(value);
  if (plain !== undefined) return plain;
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

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

const malformed = (message: string): NodeError => new NodeError('auth_malformed', { message });
