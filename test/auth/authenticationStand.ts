/**
 * The real authentication layer in this process, without a socket: real schemes, real recovery, a real replay
 * table and session table, a clock that stands still. Requests go in as a parser would hand them over.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import secp256k1 from 'secp256k1';
import { authenticate } from '#src/auth/authenticate.js';
import type { CallerAuthority } from '#src/auth/authority.js';
import { inMemoryNonces } from '#src/auth/nonceStore.js';
import { createOwnNames } from '#src/auth/ownNames.js';
import { inMemorySessions, type SessionStore } from '#src/auth/sessionStore.js';
import { createSignatureSchemes } from '#src/auth/signatureSchemes.js';
import { loadNativeRecovery, type SignerRecovery } from '#src/auth/signerRecovery.js';
import { BodyBudget } from '#src/http/bodyBudget.js';
import { Exchange } from '#src/http/exchange.js';
import { readHead } from '#src/http/requestHead.js';
import type { Layer } from '#src/http/route.js';
import { createNodeKey, generatePrivateKey } from '#src/keys/nodeKey.js';
import { type AddressText, addressBytes, parseAddress } from '#src/lib/address.js';
import type { Session } from '#src/lib/session.js';
import { AddressIndex, encodeAddressIndex, namedByActive } from '#src/shm/addressIndex.js';
import { createReplayTable, ReplayTable } from '#src/shm/replayTable.js';
import { createSessionTable, SessionTable } from '#src/shm/sessionTable.js';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Without the `?`. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface TestAccount {
  readonly address: AddressText;
  /** r ‖ s ‖ v, v 0 or 1. */
  readonly sign: (digest: Uint8Array) => Uint8Array;
}

export interface AuthenticationStand {
  readonly nowS: number;
  readonly chainId: number;
  /** The stand's own names; a request is signed for the first or the second. */
  readonly ownNames: readonly [string, string];
  /** All known to the stand. */
  readonly accounts: readonly TestAccount[];
  /** Two of each account. */
  readonly sessions: readonly Session[];
  readonly recovery: SignerRecovery;
  /** `accepted`, or the code of the refusal. */
  attempt(request: RawRequest): string;
  /** The same for a request that is not answered in its tick, or whose body comes when the test says so. */
  begin(request: RawRequest): StartedRequest;
}

export interface StartedRequest {
  /** `undefined` while there is none. */
  outcome(): string | undefined;
  sendBody(): void;
}

export interface AuthenticationStandOptions {
  readonly accounts?: number;
  /** Requests that are accepted at most. */
  readonly capacity?: number;
  /** In place of the store in memory, which is handed in. */
  readonly sessionStore?: (inMemory: SessionStore) => SessionStore;
  /** In place of the real layer. */
  readonly layer?: Layer;
}

const maxBodyBytes = 1 << 20;

export function createAuthenticationStand(options: AuthenticationStandOptions = {}): AuthenticationStand {
  const { accounts: accountCount = 4, capacity = 100_000, sessionStore = (store) => store } = options;
  const nowS = 1_750_000_000;
  const clock = { nowMs: () => nowS * 1_000 };
  const chainId = 84_532;
  const ownNames = ['node.example.com', 'backup.example.com:8443'] as const;
  const recovery = loadNativeRecovery();
  if ('unavailable' in recovery) throw new Error(`no native recovery: ${recovery.unavailable}`);

  const accounts = Array.from({ length: accountCount }, createTestAccount);
  const known = new AddressIndex(
    encodeAddressIndex(
      accounts.map(({ address }) => ({ address: addressBytes(address), flags: namedByActive })),
    ),
  );
  const authority: CallerAuthority = {
    standingOf: (words) => (known.lookup(words) === 0 ? 'unknown' : 'known'),
  };
  const table = new SessionTable(createSessionTable({ capacity: 4 * accountCount, perCaller: 2 }));
  const sessions = [...accounts, ...accounts].map(({ address }) => ({
    id: randomBytes(16).toString('hex'),
    caller: address,
    key: new Uint8Array(randomBytes(32)),
    expiresAtS: nowS + 600,
  }));
  for (const session of sessions) table.put(session, nowS);

  const maxAgeS = 60;
  const replayTable = new ReplayTable(createReplayTable({ capacity: 2 * capacity, maxLifetimeS: 92 }));
  const realLayer = authenticate(
    {
      clock,
      window: { maxAgeS, maxSkewS: 30, replayMarkS: 0 },
      nonces: inMemoryNonces(replayTable),
      schemes: createSignatureSchemes({
        names: ['legacy', 'rfc9421', 'session'],
        maxAgeS,
        chainId,
        ownNames: createOwnNames({
          publicUrl: `https://${ownNames[0]}`,
          authorities: [ownNames[1]],
          listenAddress: '127.0.0.1',
          port: 8080,
          isTls: false,
        }),
        recovery,
        sessions: sessionStore(inMemorySessions(table, clock)),
      }),
      recordMark: async () => undefined,
      // Everything that the window lets through counts as recorded, so that nothing waits for a disk.
      recordedMarkS: () => nowS + 30,
      count: () => undefined,
    },
    authority,
  );
  const bodyBudget = new BodyBudget(maxBodyBytes);
  const handler = (options.layer ?? realLayer)((x) => x.respond(200, 'text/plain', ''));
  const onFault = (thrown: unknown): void => {
    throw thrown;
  };

  const begin = (request: RawRequest): StartedRequest => {
    const head = readHead(requestOf(request));
    if (head.framingFault !== undefined)
      return { outcome: () => 'invalid_request', sendBody: () => undefined };
    const { response, sendBody } = responseTo(request.body);
    const x = new Exchange(response, head, { maxBodyBytes, bodyBudget, onFault });
    x.attempt(() => handler(x));
    return { sendBody, outcome: () => (x.isOpen ? undefined : (x.errorCode ?? 'accepted')) };
  };

  return {
    nowS,
    chainId,
    ownNames,
    accounts,
    sessions,
    recovery,
    attempt(request) {
      const started = begin(request);
      started.sendBody();
      const outcome = started.outcome();
      if (outcome === undefined) throw new Error('the request was not answered in its tick');
      return outcome;
    },
    begin,
  };
}

function createTestAccount(): TestAccount {
  const privateKey = generatePrivateKey();
  const address = parseAddress(createNodeKey(privateKey).address)!;
  return {
    address,
    sign(digest) {
      // The native library, because a bench signs a hundred thousand requests.
      const { signature, recid } = secp256k1.ecdsaSign(digest, privateKey);
      const bytes = new Uint8Array(65);
      bytes.set(signature);
      bytes[64] = recid;
      return bytes;
    },
  };
}

function requestOf({ method, path, query, headers, body }: RawRequest): HttpRequest {
  const request: Pick<HttpRequest, 'forEach' | 'getCaseSensitiveMethod' | 'getUrl' | 'getQuery'> = {
    forEach(listener) {
      for (const [name, value] of Object.entries(headers)) listener(name, value);
      if (body.length > 0) listener('content-length', String(body.length));
    },
    getCaseSensitiveMethod: () => method,
    getUrl: () => path,
    getQuery: (() => query) as HttpRequest['getQuery'],
  };
  return request as HttpRequest;
}

/** What `Exchange` calls of uWS for a request whose body comes in one piece, and that is answered whole. */
function responseTo(body: Buffer): { response: HttpResponse; sendBody: () => void } {
  let listener: ((chunk: ArrayBuffer, isLast: boolean) => void) | undefined;
  const response = {
    onAborted: () => response,
    onData(onChunk: typeof listener) {
      listener = onChunk;
      return response;
    },
    cork(write: () => void) {
      write();
      return response;
    },
    writeStatus: () => response,
    writeHeader: () => response,
    end: () => response,
    endWithoutBody: () => response,
    close: () => response,
  };
  return {
    response: response as unknown as HttpResponse,
    sendBody: () => listener?.(Uint8Array.from(body).buffer, true),
  };
}
