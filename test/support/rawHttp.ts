/** HTTP by hand: sends exactly these bytes and collects what comes back, for requests that no client would send. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly text: string;
  /** Status of each response that came back. */
  readonly statuses: readonly number[];
  readonly isClosed: boolean;
}

/** Reads until the server closes, the text satisfies `until`, or `waitMs` have passed. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  { waitMs = 2_000, until }: { waitMs?: number; until?: (text: string) => boolean } = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = '';
    let isClosed = false;
    const socket = connect(port, '127.0.0.1');
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
      resolve({ text, statuses, isClosed });
    };
    const timer = setTimeout(done, waitMs);
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (until?.(text) === true) done();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
      done();
    });
    socket.write(bytes);
  });
}
