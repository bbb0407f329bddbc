/**
 * Signs a request for one recipient (the scheme `rfc9421`): the caller's side of `accountKeying.ts`. Pure; time,
 * nonce and key are handed in. Runs in the command line.
 */
import { createHash } from 'node:crypto';
import { serializeDictionary, serializeInnerList } from 'structured-headers';
import { NodeError } from '../errors/nodeError.js';
import { contentDigest } from './contentDigest.js';
import { personalDigest } from './digest.js';
import { accountKeyid } from './keyids.js';
import { signatureBase } from './signatureBase.js';
import type { RequestSigner } from './signRequest.js';

export interface HttpMessageToSign {
  readonly signer: RequestSigner;
  /** The chain whose registries know the signer. */
  readonly chainId: number;
  /** Upper case. */
  readonly method: string;
  /** Names the recipient. */
  readonly url: URL;
  /** The raw body, to the byte; empty when there is none. */
  readonly body: Uint8Array;
  /** Unix time. */
  readonly createdS: number;
  readonly expiresS: number;
  /** 1 to 512 bytes of printable ASCII, new for every request. */
  readonly nonce: string;
}

export type HttpMessageSignatureHeaders = Readonly<
  Record<'Signature-Input' | 'Signature', string> & Partial<Record<'Content-Digest', string>>
>;

const label = 'fxn';

export function signHttpMessage(request: HttpMessageToSign): HttpMessageSignatureHeaders {
  const { signer, chainId, method, url, body, createdS, expiresS, nonce } = request;
  const headers = new Map<string, string>();
  const components = ['@method', '@authority', '@path'];
  if (url.search !== '') components.push('@query');
  if (body.length > 0) {
    components.push('content-digest');
    headers.set('content-digest', contentDigest(createHash('sha256').update(body).digest()));
  }
  const covered: Parameters<typeof serializeInnerList>[0] = [
    components.map((name) => [name, new Map()]),
    new Map<string, string | number>([
      ['created', createdS],
      ['expires', expiresS],
      ['nonce', nonce],
      ['keyid', accountKeyid(chainId, signer.address)],
    ]),
  ];
  const head = {
    method,
    path: url.pathname,
    query: url.search.slice(1),
    headers,
    repeatedHeaders: undefined,
  };
  const target = { scheme: url.protocol.slice(0, -1), authority: url.host };
  const base = signatureBase(components, serializeInnerList(covered), head, target);
  if (base instanceof NodeError) throw base;
  const signature = signer.sign(personalDigest(base));
  const digest = headers.get('content-digest');
  return {
    'Signature-Input': serializeDictionary({ [label]: covered }),
    Signature: serializeDictionary({ [label]: signature }),
    ...(digest === undefined ? {} : { 'Content-Digest': digest }),
  };
}
