/** The model name in a request body: read, and replaced by what the backend calls it. Runs on the fronts. */
import { NodeError } from '../errors/nodeError.js';
import { TopLevelMember } from '../lib/topLevelMember.js';

export interface ModelInRequest {
  /** What the caller asked for; `undefined` when the body names none. */
  readonly requested: string | undefined;
  /** The body with another name in place of that one; everything else is the same bytes. */
  renamed(name: string): Buffer;
}

const brokenJson = (): NodeError => new NodeError('invalid_json');

/** @throws NodeError `invalid_json` or `invalid_request` */
export function findModel(body: Buffer): ModelInRequest {
  const scanner = new TopLevelMember('model');
  const values = scanner.scan(body);
  if (!scanner.isComplete) throw brokenJson();
  if (values.length + scanner.otherValues + scanner.lookalikes > 1) {
    throw new NodeError('invalid_request', {
      message: 'The body names two models.',
      meta: { param: 'model' },
    });
  }
  if (scanner.lookalikes > 0) {
    throw new NodeError('invalid_request', {
      message: 'Write "model" in lower case.',
      meta: { param: 'model' },
    });
  }
  if (scanner.otherValues > 0) {
    throw new NodeError('invalid_request', { message: 'model must be a string.', meta: { param: 'model' } });
  }
  const value = values[0];
  return {
    requested: value?.text,
    renamed(name) {
      const text = JSON.stringify(name);
      if (value !== undefined) return splice(body, value.start, value.end, text);
      const at = scanner.objectStart + 1;
      return splice(body, at, at, `"model":${text}${scanner.isEmpty ? '' : ','}`);
    },
  };
}

function splice(body: Buffer, from: number, to: number, text: string): Buffer {
  return Buffer.concat([body.subarray(0, from), Buffer.from(text), body.subarray(to)]);
}
