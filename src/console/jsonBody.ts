/** A small JSON object in the body of a request to the admin port. Runs in main. */
import type { IncomingMessage } from 'node:http';
import { NodeError } from '../errors/nodeError.js';

const mostBytes = 4_096;

/** @throws NodeError `body_too_large`, `invalid_json`; `ECONNRESET` of Node.js when the body breaks off */
export async function readJsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new NodeError('body_too_large');
    pieces.push(piece);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (cause) {
    throw new NodeError('invalid_json', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new NodeError('invalid_json');
  return value as Record<string, unknown>;
}
