/**
 * The clients of the upload bench, in a process of their own: each sends one large body after the other on its connection.
 * The heads, signed before, and the body come in one message.
 */
import { connect } from 'node:net';
import { createAnswerReader } from './answerReader.js';
import { largeBody } from './traffic.js';

export interface UploadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly bodyBytes: number;
  /** One for each request that may be sent, or a single one for all. */
  readonly heads: readonly string[];
  readonly isRepeated: boolean;
}

export interface UploadFigures {
  readonly uploads: number;
  /** From the first byte of the first to the last byte of the last answer. */
  readonly seconds: number;
  readonly errors: number;
}

let body = Buffer.alloc(0);

process.on('message', (order: UploadOrder) => {
  if (body.length !== order.bodyBytes) body = Buffer.from(largeBody(order.bodyBytes));
  void upload(order).then((figures) => process.send?.(figures));
});
process.once('disconnect', () => process.exit(0));
process.send?.(0);

async function upload(order: UploadOrder): Promise<UploadFigures> {
  const { port, connections, seconds, heads, isRepeated } = order;
  let at = 0;
  let uploads = 0;
  let errors = 0;
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const next = (): void => {
        const head = performance.now() < endMs ? heads[isRepeated ? 0 : at++] : undefined;
        if (head === undefined) {
          socket.destroy();
          return;
        }
        socket.write(head, 'latin1');
        socket.write(body);
      };
      const read = createAnswerReader((status) => {
        if (status === 200) uploads++;
        else errors++;
        next();
      });
      socket.on('data', read);
      socket.on('error', () => {
        errors++;
      });
      socket.on('close', () => resolve());
      next();
    });
  await Promise.all(Array.from({ length: connections }, one));
  return { uploads, errors, seconds: (performance.now() - startedMs) / 1_000 };
}
