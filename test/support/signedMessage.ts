/**
 * HTTP message signatures written out by hand from RFC 9421, sharing no code with the node: every part can be
 * replaced, so that a test can make what no library would.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface MessageRequest {
  /** `GET` without a body, `POST` with one, unless told. */
  readonly method?: string;
  /** host[:port], lower case. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  readonly body?: string | Uint8Array;
}

export interface MessageOptions {
  readonly label?: string;
  /** What is needed for this request, unless told. */
  readonly components?: readonly string[];
  /** More covered components, each with its value; headers are sent too. */
  readonly more?: Readonly<Record<string, string>>;
  readonly created?: number;
  readonly expires?: number;
  readonly nonce?: string;
  readonly keyid?: string;
  readonly alg?: string;
  readonly chainId?: number;
  /** Parameters by name, in order and spelled as they stand there; `undefined` leaves one out. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
}

/** Signs the base; answers the bytes of the signature. */
export type BaseSigner = (base: string) => Promise<Uint8Array> | Uint8Array;

export const nowS = (): number => Math.floor(Date.now() / 1_000);

/** The headers of a signed request, names in lower case. */
export async function messageHeaders(
  request: MessageRequest,
  options: MessageOptions & { readonly keyid: string },
  sign: BaseSigner,
): Promise<Record<string, string>> {
  const { authority, target, body = '' } = request;
  const method = request.method ?? (body.length > 0 ? 'POST' : 'GET');
  const [path = '', ...query] = target.split('?');
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const values: Record<string, string> = {
    '@method': method,
    '@authority': authority,
    '@path': path,
    '@query': `?${query.join('?')}`,
    '@request-target': target,
    '@scheme': 'http',
    '@target-uri': `http://${authority}${target}`,
    'content-digest': digest,
    ...options.more,
  };
  const components = options.components ?? [
    '@method',
    '@authority',
    '@path',
    ...(query.length > 0 ? ['@query'] : []),
    ...(body.length > 0 ? ['content-digest'] : []),
    ...Object.keys(options.more ?? {}).filter((name) => name !== 'content-digest'),
  ];
  const created = options.created ?? nowS();
  const parameters: Readonly<Record<string, string | undefined>> = {
    created: String(created),
    expires: String(options.expires ?? created + 30),
    nonce: `"${options.nonce ?? randomBytes(8).toString('hex')}"`,
    keyid: `"${options.keyid}"`,
    alg: options.alg === undefined ? undefined : `"${options.alg}"`,
    ...options.parameters,
  };
  const inner = `(${components.map((name) => `"${name}"`).join(' ')})`;
  const tail = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `;${name}=${value}`)
    .join('');
  const lines = components.map((name) => `"${name}": ${values[name]}`);
  const base = [...lines, `"@signature-params": ${inner}${tail}`].join('\n');
  const signature = Buffer.from(await sign(base)).toString('base64');
  const label = options.label ?? 'sig1';
  const moreHeaders = Object.entries(options.more ?? {}).filter(([name]) => !name.startsWith('@'));
  return {
    ...(body.length > 0 || components.includes('content-digest') ? { 'content-digest': digest } : {}),
    ...Object.fromEntries(moreHeaders),
    host: authority,
    'signature-input': `${label}=${inner}${tail}`,
    signature: `${label}=:${signature}:`,
  };
}
