/**
 * Genuine requests in each scheme, and what somebody could make of one that he captured: one thing changed that
 * was signed (`forgeries`), or nothing that was (`copies`). A forgery must never be accepted, a copy never twice.
 */
import { createHash, createHmac } from 'node:crypto';
import type { SchemeName } from '#src/auth/signedClaim.js';
import { signHttpMessage } from '#src/auth/signHttpMessage.js';
import { signRequest } from '#src/auth/signRequest.js';
import type { AuthenticationStand, RawRequest, TestAccount } from './authenticationStand.js';

/** Below 1. */
export type Random = () => number;

export type Forgery = (request: RawRequest, random: Random, stand: AuthenticationStand) => RawRequest;

export const below = (random: Random, bound: number): number => Math.floor(random() * bound);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!;
const hexOf = (random: Random, digits: number): string =>
  Array.from({ length: digits }, () => below(random, 16).toString(16)).join('');

const paths = ['/v1/models', '/v1/chat/completions', '/v1/models/a%2Fb', '/challenge'];

export function genuineRequest(scheme: SchemeName, random: Random, stand: AuthenticationStand): RawRequest {
  const hasBody = random() < 0.7;
  const body = hasBody
    ? Buffer.from(`{"model":"m","n":"${hexOf(random, 1 + below(random, 40))}"}`)
    : Buffer.alloc(0);
  const path = pick(random, paths);
  const query = random() < 0.5 ? '' : `a=${hexOf(random, 4)}`;
  const method = hasBody ? 'POST' : 'GET';
  const account = pick(random, stand.accounts);
  const nonce = hexOf(random, 24);
  const signedAtS = stand.nowS - below(random, 50) + 4;
  if (scheme === 'legacy') {
    const signer = { address: account.address, sign: account.sign };
    const headers = lowerCased(signRequest({ signer, body, timestampS: signedAtS, nonce }));
    return { method, path, query, headers: { host: stand.ownNames[0], ...headers }, body };
  }
  const host = pick(random, stand.ownNames);
  const url = new URL(`https://${host}${path}${query === '' ? '' : `?${query}`}`);
  const message = { method, url, body, createdS: signedAtS, expiresS: stand.nowS + 5, nonce };
  const { chainId } = stand;
  if (scheme === 'rfc9421') {
    const headers = lowerCased(signHttpMessage({ ...message, chainId, signer: account }));
    return { method, path, query, headers: { host, ...headers }, body };
  }
  const unsigned = lowerCased(signHttpMessage({ ...message, chainId, signer: noSigner }));
  const session = pick(random, stand.sessions);
  const input = unsigned['signature-input']!.replace(
    /keyid=".*"/,
    `keyid="fxn-session:${session.id}";alg="hmac-sha256"`,
  );
  const request = { method, path, query, headers: { host, ...unsigned, 'signature-input': input }, body };
  const mac = createHmac('sha256', session.key).update(baseOf(request)).digest();
  return withSignature(request, mac);
}

/** The signature base of a genuine message, written out here once more. */
function baseOf({ method, path, query, headers }: RawRequest): string {
  const parameters = headers['signature-input']!.replace(/^fxn=/, '');
  const values: Readonly<Record<string, string | undefined>> = {
    '@method': method,
    '@authority': headers['host'],
    '@path': path,
    '@query': `?${query}`,
    'content-digest': headers['content-digest'],
  };
  const names = [...parameters.slice(0, parameters.indexOf(')')).matchAll(/"([^"]+)"/g)].map(
    (match) => match[1]!,
  );
  return [...names.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${parameters}`].join(
    '\n',
  );
}

const noSigner: TestAccount = { address: `0x${'0'.repeat(40)}`, sign: () => new Uint8Array(65) };

const lowerCased = (headers: object): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));

const withHeader = (request: RawRequest, name: string, value: string): RawRequest => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});
const editHeader = (request: RawRequest, name: string, edit: (value: string) => string): RawRequest =>
  withHeader(request, name, edit(request.headers[name] ?? ''));
const without = (request: RawRequest, names: readonly string[]): RawRequest => ({
  ...request,
  headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !names.includes(name))),
});

function withSignature(request: RawRequest, signature: Uint8Array): RawRequest {
  return withHeader(request, 'signature', `fxn=:${Buffer.from(signature).toString('base64')}:`);
}

const isMessage = ({ headers }: RawRequest): boolean => 'signature-input' in headers;

function signatureOf({ headers }: RawRequest): Buffer {
  const message = headers['signature'];
  if (message !== undefined) return Buffer.from(message.slice('fxn=:'.length, -1), 'base64');
  return Buffer.from(headers['x-signature'] ?? '', 'hex');
}

const editSignature = (request: RawRequest, edit: (signature: Buffer) => Uint8Array): RawRequest => {
  const signature = edit(signatureOf(request));
  if (isMessage(request)) return withSignature(request, signature);
  return withHeader(request, 'x-signature', Buffer.from(signature).toString('hex'));
};

/** Another character in place of one. */
function changeOne(text: string, random: Random, alphabet: string): string {
  const at = below(random, text.length);
  const other = pick(
    random,
    [...alphabet].filter((character) => character !== text[at]),
  );
  return text.slice(0, at) + other + text.slice(at + 1);
}

function flipBit(bytes: Buffer, random: Random, length = bytes.length): Buffer {
  const flipped = Buffer.from(bytes);
  const bit = below(random, length * 8);
  flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
  return flipped;
}

const groupOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The second signature that the curve allows for the same message. */
function highS(signature: Buffer): Buffer {
  const s = BigInt(`0x${signature.toString('hex', 32, 64)}`);
  const twin = Buffer.from((groupOrder - s).toString(16).padStart(64, '0'), 'hex');
  return Buffer.concat([signature.subarray(0, 32), twin, Buffer.of(otherV(signature[64]!))]);
}

/** 0 ↔ 1 and 27 ↔ 28. */
const otherV = (v: number): number => (v >= 27 ? 55 - v : 1 - v);

const digestHeader = (body: Buffer): string =>
  `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

const changedBody = (body: Buffer, random: Random): Buffer =>
  random() < 0.5 && body.length > 0
    ? flipBit(body, random)
    : Buffer.concat([body, Buffer.from([below(random, 256)])]);

const shiftNumber = (text: string, form: RegExp, random: Random): string =>
  text.replace(form, (_all, before: string, digits: string) => {
    const by = 1 + below(random, 20);
    return `${before}${Number(digits) + (random() < 0.5 ? by : -by)}`;
  });

const otherAccount = (address: string, random: Random, { accounts }: AuthenticationStand): string =>
  pick(
    random,
    accounts.filter((account) => account.address !== address.toLowerCase()),
  ).address;

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('');
const messageHeaders = ['signature-input', 'signature', 'content-digest'];

const ofAccounts: Readonly<Record<string, Forgery>> = {
  'another v': (request) =>
    editSignature(request, (bytes) => Buffer.concat([bytes.subarray(0, 64), Buffer.of(otherV(bytes[64]!))])),
  'the high-s twin': (request) => editSignature(request, highS),
};

const ofLegacy: Readonly<Record<string, Forgery>> = {
  ...ofAccounts,
  'a bit of the signature': (request, random) =>
    editSignature(request, (bytes) => flipBit(bytes, random, 64)),
  'the body': (request, random) => ({ ...request, body: changedBody(request.body, random) }),
  'the timestamp': (request, random) =>
    editHeader(request, 'x-timestamp', (text) => shiftNumber(text, /^()(\d+)$/, random)),
  'the spelling of the timestamp': (request) => editHeader(request, 'x-timestamp', (text) => `0${text}`),
  'a character of the nonce': (request, random) =>
    editHeader(request, 'x-nonce', (text) => changeOne(text, random, printable)),
  'the length of the nonce': (request) => editHeader(request, 'x-nonce', (text) => text.slice(0, -1)),
  'the caller': (request, random, stand) =>
    editHeader(request, 'x-address', (text) => otherAccount(text, random, stand)),
  'the signature of another request': (request, random, stand) =>
    withHeader(request, 'x-signature', genuineRequest('legacy', random, stand).headers['x-signature']!),
  'the scheme, to rfc9421': (request, random, stand) => {
    const donor = genuineRequest('rfc9421', random, stand);
    const input = donor.headers['signature-input']!.replace(/0x[0-9a-f]{40}/, request.headers['x-address']!);
    const asMessage = {
      ...without(request, ['x-signature']),
      headers: {
        ...request.headers,
        'content-digest': digestHeader(request.body),
        'signature-input': `${input.replace(/\(.*\)/, '("@method" "@authority" "@path" "@query" "content-digest")')}`,
      },
    };
    return withSignature(asMessage, signatureOf(without(request, ['signature'])));
  },
};

const ofMessages: Readonly<Record<string, Forgery>> = {
  'the method': (request) => ({ ...request, method: request.method === 'POST' ? 'PUT' : 'HEAD' }),
  'the case of the method': (request) => ({ ...request, method: request.method.toLowerCase() }),
  'a character of the path': (request, random) => ({
    ...request,
    path: `/${changeOne(request.path.slice(1), random, 'abcdefghijklmnopqrstuvwxyz0123456789/%.~')}`,
  }),
  'the length of the path': (request, random) => ({
    ...request,
    path: random() < 0.5 ? `${request.path}/` : request.path.slice(0, -1),
  }),
  'the query': (request, random) => ({
    ...request,
    query: request.query === '' ? 'a' : changeOne(request.query, random, 'abcdef0123456789=&%'),
  }),
  'the end of the query': (request) => ({
    ...request,
    query: request.query === '' ? '?' : request.query.slice(0, -1),
  }),
  'the path and the query, divided elsewhere': (request) =>
    request.query === ''
      ? { ...request, path: request.path.slice(0, 3), query: request.path.slice(3) }
      : { ...request, path: `${request.path}?${request.query}`, query: '' },
  'the host, to another name of this node': (request, _random, { ownNames }) =>
    editHeader(request, 'host', (host) => (host === ownNames[0] ? ownNames[1] : ownNames[0])),
  'the host, to a stranger': (request, random) =>
    editHeader(request, 'host', (host) => changeOne(host, random, 'abcdefghij-.:0')),
  'the body': (request, random) => ({ ...request, body: changedBody(request.body, random) }),
  'the body, with a digest to match': (request, random) => {
    const body = changedBody(request.body, random);
    return withHeader({ ...request, body }, 'content-digest', digestHeader(body));
  },
  'the absence of a body': (request) =>
    request.body.length > 0
      ? { ...request, body: Buffer.alloc(0) }
      : withHeader(
          { ...request, body: Buffer.from('{}') },
          'content-digest',
          digestHeader(Buffer.from('{}')),
        ),
  'a character of Signature-Input': (request, random) =>
    editHeader(request, 'signature-input', (text) => changeOne(text, random, printable)),
  'a missing character of Signature-Input': (request, random) =>
    editHeader(request, 'signature-input', (text) => {
      const at = below(random, text.length);
      return text.slice(0, at) + text.slice(at + 1);
    }),
  created: (request, random) =>
    editHeader(request, 'signature-input', (text) => shiftNumber(text, /(created=)(\d+)/, random)),
  expires: (request, random) =>
    editHeader(request, 'signature-input', (text) => shiftNumber(text, /(expires=)(\d+)/, random)),
  'the nonce': (request, random) =>
    editHeader(request, 'signature-input', (text) =>
      text.replace(/nonce="[^"]*"/, `nonce="${hexOf(random, 23)}"`),
    ),
  'a component fewer': (request, random) =>
    editHeader(request, 'signature-input', (text) => {
      const names = text.slice(text.indexOf('(') + 1, text.indexOf(')')).split(' ');
      names.splice(below(random, names.length), 1);
      return text.replace(/\(.*\)/, `(${names.join(' ')})`);
    }),
  'the order of the components': (request) =>
    editHeader(request, 'signature-input', (text) => text.replace(/\(("\S+") (.*)\)/, '($2 $1)')),
  'a component more': (request) =>
    editHeader(request, 'signature-input', (text) => text.replace(')', ' "host")')),
  'an alg': (request) =>
    editHeader(request, 'signature-input', (text) =>
      text.includes(';alg=') ? text.replace(/;alg="[^"]*"/, '') : `${text};alg="eip191-secp256k1"`,
    ),
  'a tag': (request) => editHeader(request, 'signature-input', (text) => `${text};tag="x"`),
  'the signature, cut short': (request) => editSignature(request, (bytes) => bytes.subarray(0, -1)),
  'the signature, left out': (request) => without(request, ['signature']),
};

const ofRfc9421: Readonly<Record<string, Forgery>> = {
  ...ofMessages,
  ...ofAccounts,
  'a bit of the signature': (request, random) =>
    editSignature(request, (bytes) => flipBit(bytes, random, 64)),
  'the caller': (request, random, stand) =>
    editHeader(request, 'signature-input', (text) =>
      text.replace(/0x[0-9a-f]{40}/, (address) => otherAccount(address, random, stand)),
    ),
  'the spelling of the caller': (request) =>
    editHeader(request, 'signature-input', (text) =>
      text.replace(/0x[0-9a-f]{40}/, (address) => `0x${address.slice(2).toUpperCase()}`),
    ),
  'the chain': (request) =>
    editHeader(request, 'signature-input', (text) => text.replace('erc8128:84532', 'erc8128:8453')),
  'the signature of another request': (request, random, stand) =>
    withHeader(request, 'signature', genuineRequest('rfc9421', random, stand).headers['signature']!),
  'the scheme, to session': (request, random, { sessions }) =>
    editSignature(
      editHeader(request, 'signature-input', (text) =>
        text.replace(/keyid="[^"]*"/, `keyid="fxn-session:${pick(random, sessions).id}"`),
      ),
      (bytes) => bytes.subarray(0, 32),
    ),
  'the scheme, to legacy': (request) => {
    const input = request.headers['signature-input']!;
    return {
      ...request,
      headers: {
        ...without(request, messageHeaders).headers,
        'x-address': /0x[0-9a-f]{40}/.exec(input)![0],
        'x-timestamp': /created=(\d+)/.exec(input)![1]!,
        'x-nonce': /nonce="([^"]*)"/.exec(input)![1]!,
        'x-signature': signatureOf(request).toString('hex'),
      },
    };
  },
};

const ofSession: Readonly<Record<string, Forgery>> = {
  ...ofMessages,
  'a bit of the signature': (request, random) => editSignature(request, (bytes) => flipBit(bytes, random)),
  'the session': (request, random, { sessions }) =>
    editHeader(request, 'signature-input', (text) =>
      text.replace(/fxn-session:([0-9a-f]+)/, (_all, id: string) => {
        const others = sessions.filter((session) => session.id !== id);
        return `fxn-session:${pick(random, others).id}`;
      }),
    ),
  'the signature of another request': (request, random, stand) =>
    withHeader(request, 'signature', genuineRequest('session', random, stand).headers['signature']!),
  'the scheme, to rfc9421': (request, random, { accounts, chainId }) =>
    editSignature(
      editHeader(request, 'signature-input', (text) =>
        text
          .replace(/keyid="[^"]*"/, `keyid="erc8128:${chainId}:${pick(random, accounts).address}"`)
          .replace(/;alg="[^"]*"/, ''),
      ),
      (bytes) => Buffer.concat([bytes, bytes, Buffer.of(below(random, 2))]),
    ),
};

/** By what is changed. A legacy signature covers neither method, path, query nor host. */
export const forgeries: Readonly<Record<SchemeName, Readonly<Record<string, Forgery>>>> = {
  legacy: ofLegacy,
  rfc9421: ofRfc9421,
  session: ofSession,
};

const respellV = (request: RawRequest): RawRequest =>
  editSignature(request, (bytes) => {
    const v = bytes[64]!;
    return Buffer.concat([bytes.subarray(0, 64), Buffer.of(v >= 27 ? v - 27 : v + 27)]);
  });
const relabel = (request: RawRequest): RawRequest =>
  editHeader(
    editHeader(request, 'signature-input', (text) => text.replace('fxn=', 'other=').replace('" "', '"  "')),
    'signature',
    (text) => text.replace('fxn=', 'other='),
  );

/** By what is spelled otherwise; they mean what the genuine one means. */
export const copies: Readonly<Record<SchemeName, Readonly<Record<string, Forgery>>>> = {
  legacy: {
    nothing: (request) => request,
    'another path': (request) => ({ ...request, path: '/v1/other', query: 'q' }),
    v: respellV,
    'letter case': (request) =>
      editHeader(
        editHeader(request, 'x-signature', (text) => `0x${text.toUpperCase()}`),
        'x-address',
        (text) => `0x${text.slice(2).toUpperCase()}`,
      ),
  },
  rfc9421: {
    nothing: (request) => request,
    v: respellV,
    'label and spacing': relabel,
    'letter case of the host': (request) => editHeader(request, 'host', (host) => host.toUpperCase()),
    'headers of the legacy scheme added': (request) => withHeader(request, 'x-nonce', 'n'),
  },
  session: {
    nothing: (request) => request,
    'label and spacing': relabel,
    'letter case of the host': (request) => editHeader(request, 'host', (host) => host.toUpperCase()),
  },
};
