/**
 * Signs requests ahead of a run, in threads, so that the load generator sends ready bytes: `signRecords` answers a
 * buffer of requests that are all of one length, each with a nonce of its own. Runs in the bench and in its threads.
 */
import { createHash, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import secp256k1 from 'secp256k1';
import { legacyMessage, personalDigest } from '#src/auth/digest.js';
import { schedulerKey as callerKey } from '#test/keys/publicTestKeys.js';
import { requestBytes } from './traffic.js';

interface SignOrder {
  readonly body: string;
  readonly port: number;
  readonly count: number;
}

const key = Buffer.from(callerKey.privateKeyHex, 'hex');
const threads = Math.min(4, availableParallelism());
let workers: Worker[] | undefined;

if (!isMainThread) {
  parentPort?.on('message', (order: SignOrder) => {
    const records = sign(order);
    parentPort?.postMessage(records, [records.buffer as ArrayBuffer]);
  });
}

export async function signRecords(order: SignOrder): Promise<Buffer> {
  workers ??= Array.from({ length: threads }, () => {
    const worker = new Worker(new URL(import.meta.url));
    // It waits for orders and must not keep the bench alive.
    worker.unref();
    return worker;
  });
  const share = Math.ceil(order.count / workers.length);
  const parts = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<Uint8Array>((resolve) => {
          // An error in a thread that nobody listens to ends the bench.
          worker.once('message', resolve);
          worker.postMessage({ ...order, count: share });
        }),
    ),
  );
  return Buffer.concat(parts);
}

/** The four headers of one signed request. */
export function signedHeaders(bodySha256: string, nonce: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const digest = personalDigest(legacyMessage(bodySha256, timestamp, nonce));
  const { signature, recid } = secp256k1.ecdsaSign(digest, key);
  return {
    'X-Address': callerKey.checksumAddress,
    'X-Timestamp': timestamp,
    'X-Nonce': nonce,
    'X-Signature': `${Buffer.from(signature).toString('hex')}${(27 + recid).toString(16)}`,
  };
}

function sign({ body, port, count }: SignOrder): Uint8Array {
  const bodySha256 = createHash('sha256').update(body).digest('hex');
  let records: Uint8Array | undefined;
  for (let index = 0; index < count; index++) {
    const record = requestBytes(body, signedHeaders(bodySha256, randomBytes(8).toString('hex')), port);
    records ??= new Uint8Array(record.length * count);
    records.set(record, index * record.length);
  }
  return records ?? new Uint8Array();
}
