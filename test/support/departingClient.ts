/**
 * A client that may leave at any moment of its request: while it uploads, while it waits, in the middle of the answer.
 * Nothing but a socket, so that thousands of them cost the test little.
 */
import { connect } from 'node:net';

export interface Departure {
  /** Bytes of the request that are sent before it leaves; all of them unless told. */
  readonly sentBytes?: number;
  /** Leaves after so many milliseconds; never unless told. */
  readonly afterMs?: number;
  /** Leaves once so many bytes of the answer have come; never unless told. */
  readonly receivedBytes?: number;
  readonly how: 'fin' | 'rst';
}

/** Status of the answer, 0 when none came; whether the framing of a chunked or counted answer was complete. */
export interface Fate {
  readonly status: number;
  readonly isWhole: boolean;
  readonly hasLeft: boolean;
}

/** Resolves when the socket is closed. */
export function sendAndDepart(port: number, request: Buffer, departure: Departure): Promise<Fate> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let received = 0;
    let hasLeft = false;
    const socket = connect(port, '127.0.0.1');
    const leave = (): void => {
      hasLeft = true;
      if (departure.how === 'rst') socket.resetAndDestroy();
      else socket.destroy();
    };
    const timer = departure.afterMs === undefined ? undefined : setTimeout(leave, departure.afterMs);
    socket.on('data', (piece) => {
      pieces.push(piece);
      received += piece.length;
      if (received >= (departure.receivedBytes ?? Number.POSITIVE_INFINITY)) leave();
      else if (endOf(piece, pieces)) socket.destroy();
    });
    // A reset is an end like any other.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      const answer = Buffer.concat(pieces);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString('latin1', 0, 16))?.[1] ?? 0);
      resolve({ status, isWhole: isWhole(answer), hasLeft });
    });
    socket.write(request.subarray(0, departure.sentBytes ?? request.length));
  });
}

/** Cheap enough for every piece: an end comes at the end of a piece. */
function endOf(piece: Buffer, pieces: readonly Buffer[]): boolean {
  const isClosing = piece.includes('0\r\n\r\n', -5) || pieces.length === 1 || piece.at(-1) === 0x7d;
  return isClosing && isWhole(Buffer.concat(pieces));
}

function isWhole(answer: Buffer): boolean {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd === -1) return false;
  const head = answer.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return answer.length >= headEnd + 4 + Number(length);
  return answer.subarray(-5).equals(Buffer.from('0\r\n\r\n'));
}
