/**
 * Receives a request body: hashed while it arrives in pieces, kept in one buffer, never more than the limit. Bytes over
 * the limit are counted and dropped; the refusal waits a moment for the client to finish sending, because a
 * connection closed on unread bytes takes the answer with it. Runs on the fronts.
 */

import type { HttpResponse } from 'uWebSockets.js';
import { createHash, hash } from 'node:crypto';

export interface ReceivedBody {
  readonly bytes: Buffer;
  /** Lower-case hex of the SHA-256 of `bytes`. */
  readonly sha256Hex: string;
}

/** Came in one piece: hashed when somebody asks, since not every route and scheme does. */
class SmallBody implements ReceivedBody {
  readonly bytes: Buffer;
  #sha256Hex: string | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get sha256Hex(): string {
    this.#sha256Hex ??= hash('sha256', this.bytes, 'hex');
    return this.#sha256Hex;
  }
}

export interface BodyReaderOptions {
  readonly limitBytes: number;
  readonly contentLength: number | undefined;
  /** Asked before each piece is kept; false refuses the body. */
  readonly reserve: (bytes: number) => boolean;
  /** For a body that does not come at once; `undefined` for no bound but the server's own on silence. */
  readonly withinMs: number | undefined;
  readonly onBody: (body: ReceivedBody) => void;
  /** Not all of it came in time. */
  readonly onLate: () => void;
  readonly onOverload: () => void;
  /** `drained`: the client has sent everything, so the connection can live on. */
  readonly onTooLarge: (drained: boolean) => void;
}

export const emptyBody: ReceivedBody = {
  bytes: Buffer.alloc(0),
  sha256Hex: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
};

/** How long a client that exceeded the limit may go on sending before it is answered and cut off. */
const lingerMs = 1_000;
/** Buffers start at this size when the whole body did not come at once, and double. */
const firstBufferBytes = 64 * 1_024;
/** Who has sent this much is believed the announced rest: doubling on would copy a large body once more. */
const trustedBytes = 512 * 1_024;

/**
 * Must be called in the same tick as the request, or uWS has dropped the first bytes.
 * @returns lets go of what has come so far; nothing is called any more
 */
export function readBody(response: HttpResponse, options: BodyReaderOptions): () => void {
  const { limitBytes, contentLength, onBody, onTooLarge } = options;
  let buffer: Buffer | undefined;
  let received = 0;
  let digest: ReturnType<typeof createHash> | undefined;
  let linger: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let settled = false;

  /** A larger copy of the first `used` bytes of the buffer, with room for `extra` more. */
  const larger = (before: Buffer | undefined, used: number, extra: number): Buffer => {
    const needed = used + extra;
    const expected = contentLength ?? limitBytes;
    const isTrusted = contentLength !== undefined && needed >= trustedBytes;
    const wanted = isTrusted ? expected : Math.min(expected, Math.max(firstBufferBytes, 2 * used));
    const copy = Buffer.allocUnsafeSlow(Math.max(needed, wanted));
    before?.copy(copy, 0, 0, used);
    return copy;
  };
  const settle = (): void => {
    settled = true;
    buffer = undefined;
    clearTimeout(linger);
    clearTimeout(deadline);
  };
  const refuse = (drained: boolean): void => {
    if (settled) return;
    settle();
    onTooLarge(drained);
  };
  const refuseLate = (): void => {
    if (settled) return;
    settle();
    options.onLate();
  };

  response.onData((chunk, isLast) => {
    if (settled) return;
    const size = chunk.byteLength;
    received += size;
    if (received > limitBytes) {
      buffer = undefined;
      linger ??= setTimeout(refuse, lingerMs, false);
      if (isLast || received > 2 * limitBytes) refuse(isLast);
      return;
    }
    if (!options.reserve(size)) {
      settle();
      options.onOverload();
      return;
    }
    if (isLast && buffer === undefined) {
      settled = true;
      // uWS takes its memory back after the callback, so this copy is the one that is kept.
      onBody(size === 0 ? emptyBody : new SmallBody(Buffer.from(new Uint8Array(chunk))));
      return;
    }
    if (options.withinMs !== undefined) deadline ??= setTimeout(refuseLate, options.withinMs);
    const view = new Uint8Array(chunk);
    if (buffer === undefined || received > buffer.length) buffer = larger(buffer, received - size, size);
    buffer.set(view, received - size);
    digest ??= createHash('sha256');
    digest.update(view);
    if (isLast) {
      const bytes = buffer.subarray(0, received);
      settle();
      onBody({ bytes, sha256Hex: digest.digest('hex') });
    }
  });
  return settle;
}
