/**
 * Asks the backend of a streamed completion for its token counts, which it tells in a frame of its own only when
 * `stream_options.include_usage` is true. Nothing else in the body changes. Runs on the fronts.
 *
 * Keys given twice or in another letter case are refused as they are with `model`: the backend could read the
 * one that was not read here. What is not of the type that the interface has passes as it is, for the backend
 * to judge; its answer is then as if the node had not looked.
 */
import { NodeError } from '../errors/nodeError.js';
import { JsonWalk } from '../lib/jsonWalk.js';
import { operationOf } from './operation.js';

export interface UsageInRequest {
  /** The body, which now asks for the counts where the caller did not. */
  readonly body: Buffer;
  /** True when the frame with the counts is for this node only. */
  readonly isHidden: boolean;
}

const streamKey = 'stream';
const optionsKey = 'stream_options';
const includeKey = 'include_usage';
const include = `"${includeKey}":true`;
const openBrace = 0x7b;
/** Longest scalar that is looked at. */
const longestScalar = 'false'.length;

interface Span {
  readonly start: number;
  readonly end: number;
}

/** @throws NodeError `invalid_request` */
export function askForUsage(endpoint: string, body: Buffer): UsageInRequest {
  const operation = operationOf(endpoint);
  if (operation !== 'chat' && operation !== 'text_completion') return asItIs(body);
  const members = new JsonWalk(body);
  // Broken JSON is told from the scanner that reads the model.
  if (!members.isObject) return asItIs(body);
  const [stream, options] = findMembers(members, [streamKey, optionsKey]);
  if (stream === undefined || scalarAt(body, stream) !== 'true') return asItIs(body);
  if (options === undefined) {
    return hidden(body, members.start + 1, members.start + 1, `"${optionsKey}":{${include}},`);
  }
  if (scalarAt(body, options) === 'null') return hidden(body, options.start, options.end, `{${include}}`);
  if (body[options.start] !== openBrace) return asItIs(body);
  return inOptions(body, options);
}

function inOptions(body: Buffer, options: Span): UsageInRequest {
  const members = new JsonWalk(body, options.start);
  const [asked] = findMembers(members, [includeKey], `${optionsKey}.`);
  if (asked === undefined) {
    const at = options.start + 1;
    const isEmpty = !new JsonWalk(body, options.start).next();
    return hidden(body, at, at, isEmpty ? include : `${include},`);
  }
  const value = scalarAt(body, asked);
  if (value === 'false' || value === 'null') return hidden(body, asked.start, asked.end, 'true');
  return asItIs(body);
}

/** The values of the wanted keys, each at most once in the object. */
function findMembers(members: JsonWalk, wanted: readonly string[], path = ''): (Span | undefined)[] {
  const found: (Span | undefined)[] = wanted.map(() => undefined);
  const longest = Math.max(...wanted.map(({ length }) => length));
  while (members.next()) {
    const index = indexOfKey(members, wanted, longest);
    const name = wanted[index];
    if (name === undefined) continue;
    if (!members.isKey(name)) throw refused(`Write "${name}" in lower case.`, path + name);
    if (found[index] !== undefined) throw refused(`The body has two of "${name}".`, path + name);
    found[index] = { start: members.valueStart, end: members.valueEnd() };
  }
  return found;
}

/** Of the wanted key that the current one is, in whatever letter case; −1 for others, which are most. */
function indexOfKey(members: JsonWalk, wanted: readonly string[], longest: number): number {
  const bytes = members.keyEnd - members.keyStart;
  if (!wanted.some(({ length }) => length === bytes) && !members.isKeyEscaped()) return -1;
  const key = members.key(longest);
  return key === undefined ? -1 : wanted.indexOf(key.toLowerCase());
}

const refused = (message: string, param: string): NodeError =>
  new NodeError('invalid_request', { message, meta: { param } });

/** A short value as it is written; `undefined` for any longer one, and for one that does not end. */
function scalarAt(body: Buffer, { start, end }: Span): string | undefined {
  return end !== -1 && end - start <= longestScalar ? body.toString('latin1', start, end) : undefined;
}

const asItIs = (body: Buffer): UsageInRequest => ({ body, isHidden: false });

const hidden = (body: Buffer, from: number, to: number, text: string): UsageInRequest => ({
  body: Buffer.concat([body.subarray(0, from), Buffer.from(text), body.subarray(to)]),
  isHidden: true,
});
