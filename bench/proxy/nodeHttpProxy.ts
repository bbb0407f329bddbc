/**
 * A proxy as one would write it with `node:http`, in a process of its own. `node nodeHttpProxy.js <port of the backend>
 * none|viem|native` passes on at once, or receives the whole body and verifies its signature first: with viem, or with
 * the native recovery that a node uses. It keeps no nonces and knows one caller, so it does less than a node.
 * Tells its port to the process that forked it and ends with it.
 */
import { createHash } from 'node:crypto';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { recoverMessageAddress } from 'viem';
import { legacyMessage, personalDigest } from '#src/auth/digest.js';
import { loadNativeRecovery } from '#src/auth/signerRecovery.js';
import type { AddressText } from '#src/lib/address.js';
import { addressTextWords } from '#src/lib/addressWords.js';
import { schedulerKey } from '#test/keys/publicTestKeys.js';

type Verify = (headers: IncomingMessage['headers'], body: Buffer) => Promise<boolean> | boolean;

const [backendPort, verification = 'none'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const caller = schedulerKey.checksumAddress.toLowerCase();
const maxAgeS = 60;
const verify = verifier();

const server = createServer((incoming, response) => {
  if (verify === undefined) {
    incoming.pipe(askBackend(incoming, response));
    return;
  }
  const pieces: Buffer[] = [];
  incoming.on('data', (piece: Buffer) => pieces.push(piece));
  incoming.on('end', () => {
    const body = Buffer.concat(pieces);
    void Promise.resolve(verify(incoming.headers, body)).then((isGenuine) => {
      if (isGenuine) askBackend(incoming, response).end(body);
      else response.writeHead(401).end();
    });
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit(0));

function askBackend(incoming: IncomingMessage, response: ServerResponse): ReturnType<typeof request> {
  const { 'content-type': type = '', 'content-length': length = '0' } = incoming.headers;
  const upstream = request(
    {
      agent,
      host: '127.0.0.1',
      port: Number(backendPort),
      method: incoming.method,
      path: incoming.url,
      headers: { 'content-type': type, 'content-length': length },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  upstream.on('error', () => response.destroy());
  response.on('close', () => {
    if (!response.writableFinished) upstream.destroy();
  });
  return upstream;
}

function verifier(): Verify | undefined {
  if (verification === 'none') return undefined;
  const read = (headers: IncomingMessage['headers'], body: Buffer) => {
    const timestamp = String(headers['x-timestamp']);
    const message = legacyMessage(
      createHash('sha256').update(body).digest('hex'),
      timestamp,
      String(headers['x-nonce']),
    );
    const isInTime = Math.abs(Date.now() / 1_000 - Number(timestamp)) <= maxAgeS;
    return { isInTime, message, signature: String(headers['x-signature']) };
  };
  if (verification === 'viem') {
    return async (headers, body) => {
      const { isInTime, message, signature } = read(headers, body);
      if (!isInTime) return false;
      const address = await recoverMessageAddress({ message, signature: `0x${signature}` });
      return address.toLowerCase() === caller;
    };
  }
  const recovery = loadNativeRecovery();
  if ('unavailable' in recovery) throw new Error(recovery.unavailable);
  const callerWords = addressTextWords(caller as AddressText);
  return (headers, body) => {
    const { isInTime, message, signature } = read(headers, body);
    if (!isInTime) return false;
    const bytes = Buffer.from(signature, 'hex');
    const signed = {
      digest: personalDigest(message),
      signature: bytes.subarray(0, 64),
      recoveryId: bytes[64] === 28 ? 1 : 0,
    } as const;
    return recovery.verify(signed, callerWords);
  };
}
