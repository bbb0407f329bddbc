/** A gateway or scheduler: signs requests with viem, which shares no code with the node's own verification. */
import { createHash, randomBytes } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { type MessageOptions, type MessageRequest, messageHeaders } from './signedMessage.js';

export const testChainId = 84_532;

export interface SignOptions {
  /** Unix seconds; now unless told. */
  readonly timestamp?: number;
  readonly nonce?: string;
}

export interface Caller {
  readonly address: `0x${string}`;
  /** The four headers of a signed request. */
  sign(body: string | Uint8Array, options?: SignOptions): Promise<Record<string, string>>;
  /** The headers of a request that is signed for its recipient (`rfc9421`), the `host` among them. */
  signMessage(request: MessageRequest, options?: MessageOptions): Promise<Record<string, string>>;
  /** EIP-191 over these bytes, 65 bytes; for other signers of messages. */
  personalSign(bytes: Uint8Array): Promise<Uint8Array>;
  /** `fetch` that signs every request: what the official OpenAI client takes as its `fetch`. */
  readonly fetch: typeof fetch;
}

export function createCaller(privateKeyHex: string = randomBytes(32).toString('hex')): Caller {
  const account = privateKeyToAccount(`0x${privateKeyHex}`);

  const sign: Caller['sign'] = async (body, options = {}) => {
    const timestamp = String(options.timestamp ?? Math.floor(Date.now() / 1000));
    const nonce = options.nonce ?? randomBytes(8).toString('hex');
    const bodyHash = createHash('sha256').update(body).digest('hex');
    const signature = await account.signMessage({ message: `${bodyHash}.${timestamp}.${nonce}` });
    return {
      'x-address': account.address,
      'x-timestamp': timestamp,
      'x-nonce': nonce,
      'x-signature': signature.slice(2),
    };
  };

  const personalSign: Caller['personalSign'] = async (bytes) =>
    Buffer.from((await account.signMessage({ message: { raw: bytes } })).slice(2), 'hex');

  return {
    address: account.address,
    sign,
    personalSign,
    signMessage: (request, options = {}) => {
      const { chainId = testChainId } = options;
      const keyid = options.keyid ?? `erc8128:${chainId}:${account.address.toLowerCase()}`;
      return messageHeaders(request, { ...options, keyid }, (base) => personalSign(Buffer.from(base)));
    },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const body = Buffer.from(await request.arrayBuffer());
      const headers = { ...Object.fromEntries(request.headers), ...(await sign(body)) };
      return fetch(request.url, {
        method: request.method,
        headers,
        signal: request.signal,
        ...(body.length > 0 ? { body } : {}),
      });
    },
  };
}
