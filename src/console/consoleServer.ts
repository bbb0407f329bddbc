/**
 * The operator's console on the admin port: the page, the status document behind it, and what its buttons do. Everything
 * but the page's own files asks for a session or the token. Loaded when the console is first asked for. Runs in main.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NodeError, toNodeError } from '../errors/nodeError.js';
import { errorBody } from '../http/errorBody.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import type { Logger } from '../logger/logger.js';
import { Attempts } from './attempts.js';
import { readJsonBody } from './jsonBody.js';
import { loadPageFiles, type PageFile } from './pageFiles.js';
import { isFromOwnPage, isOwnHost, isThroughTls } from './requestGuard.js';
import { ConsoleSessions } from './sessions.js';
import type {
  ConfigurationDocument,
  HistoryDocument,
  ReloadReport,
  StatusDocument,
} from './statusDocument.js';
import { createConsoleToken } from './token.js';

/** What the console shows and does. */
export interface ConsoleSource {
  /** With those recent requests whose numbers are above `after`. */
  status(after: number): Promise<StatusDocument>;
  /** Rows after this time in Unix milliseconds. */
  history(afterMs: number): HistoryDocument;
  configuration(): Promise<ConfigurationDocument>;
  /** What SIGHUP does. */
  reload(): Promise<ReloadReport>;
  /** Closes the node as SIGTERM does, but is no signal: one that comes later is the first. Returns at once. */
  drain(): void;
}

export interface ConsoleServerOptions {
  readonly source: ConsoleSource;
  readonly tokenFile: string;
  /** Names, beside addresses and `localhost`, under which the console may be reached. */
  readonly hosts: readonly string[];
  readonly log: Logger;
}

export interface ConsoleServer {
  /** Answers every request to a console path; never rejects. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
}

interface Route {
  readonly method: 'GET' | 'POST';
  /** `operator`: with a session or the token. */
  readonly access: 'anyone' | 'operator';
  readonly run: (asked: Asked) => Promise<void> | void;
}

/** Nothing but the page's own files runs or is shown, and nobody puts the page into a frame. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const safetyHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

export async function createConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { source, hosts, log } = options;
  const files = await loadPageFiles();
  const sessions = new ConsoleSessions();
  const attempts = new Attempts();
  const token = createConsoleToken(options.tokenFile, log);

  /** @throws NodeError `console_token_wrong`, `rate_limited` */
  const checkToken = async ({ socket }: IncomingMessage, candidate: string): Promise<void> => {
    // First: behind a proxy everybody has one address, and who has the token must not wait for who guesses.
    if (await token.matches(candidate)) return;
    const from = socket.remoteAddress ?? '';
    const retryAfterS = attempts.waitS(from);
    if (retryAfterS > 0) {
      const message = `Too many wrong tokens. Try again in ${retryAfterS} s.`;
      throw new NodeError('rate_limited', { message, meta: { retryAfterS } });
    }
    attempts.countFailure(from);
    log.warn({ from }, 'a wrong console token was tried');
    throw new NodeError('console_token_wrong');
  };

  const routes: Readonly<Record<string, Route>> = {
    '/': {
      method: 'GET',
      access: 'anyone',
      async run(asked) {
        // The page tells the operator to read it, so it is there by then.
        await token.ensure();
        sendFile(asked, files.get('index.html')!);
      },
    },
    '/status': {
      method: 'GET',
      access: 'operator',
      run: async ({ response, query }) =>
        sendJson(response, 200, await source.status(number(query, 'after'))),
    },
    '/status/history': {
      method: 'GET',
      access: 'operator',
      run: ({ response, query }) => sendJson(response, 200, source.history(number(query, 'after'))),
    },
    '/console/configuration': {
      method: 'GET',
      access: 'operator',
      run: async ({ response }) => sendJson(response, 200, await source.configuration()),
    },
    '/console/session': {
      method: 'GET',
      access: 'anyone',
      run: ({ request, response }) => sendJson(response, 200, { isSignedIn: hasSession(request, sessions) }),
    },
    '/console/login': {
      method: 'POST',
      access: 'anyone',
      async run({ request, response }) {
        const { token: candidate } = await readJsonBody(request);
        await checkToken(request, typeof candidate === 'string' ? candidate.trim() : '');
        log.info({ from: request.socket.remoteAddress }, 'an operator signed in at the console');
        setCookie(request, response, sessions.open());
        sendJson(response, 200, { isSignedIn: true });
      },
    },
    '/console/logout': {
      method: 'POST',
      access: 'anyone',
      run({ request, response }) {
        const name = sessionCookie(request);
        if (name !== undefined) sessions.close(name);
        setCookie(request, response, undefined);
        sendJson(response, 200, { isSignedIn: false });
      },
    },
    '/console/reload': {
      method: 'POST',
      access: 'operator',
      async run({ response }) {
        log.info('the console asks for a reload');
        sendJson(response, 200, await source.reload());
      },
    },
    '/console/drain': {
      method: 'POST',
      access: 'operator',
      run({ response }) {
        log.info('the console asks to drain');
        sendJson(response, 202, { isDraining: true });
        source.drain();
      },
    },
  };

  const routeOf = (path: string): Route | undefined => {
    if (Object.hasOwn(routes, path)) return routes[path];
    const file = path.startsWith('/console/') ? files.get(path.slice('/console/'.length)) : undefined;
    return file && { method: 'GET', access: 'anyone', run: (asked) => sendFile(asked, file) };
  };

  const run = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!isOwnHost(request.headers.host, hosts)) throw new NodeError('console_host_unknown');
    const [path = '/', queryText] = (request.url ?? '/').split('?', 2);
    const route = routeOf(path);
    if (route === undefined) throw new NodeError('route_not_found');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (method !== route.method) {
      const allow = route.method === 'GET' ? 'GET, HEAD' : 'POST';
      response.setHeader('allow', allow);
      throw new NodeError('method_not_allowed');
    }
    const bearer = bearerToken(request);
    if (bearer !== undefined) await checkToken(request, bearer);
    else {
      if (route.method === 'POST' && !isFromOwnPage(request.headers)) {
        throw new NodeError('console_cross_site');
      }
      if (route.access === 'operator' && !hasSession(request, sessions)) {
        throw new NodeError('console_login_required');
      }
    }
    await route.run({ request, response, query: new URLSearchParams(queryText) });
  };

  return {
    async answer(request, response) {
      for (const [name, value] of Object.entries(safetyHeaders)) response.setHeader(name, value);
      try {
        await run(request, response);
      } catch (thrown) {
        // Nobody is there for an answer, and no line of the log for each: anybody can break a body off.
        if (isBrokenOff(thrown, request)) return;
        const error = toNodeError(thrown);
        if (error.code === 'internal_error') log.error({ err: thrown }, 'the console failed to answer');
        const { retryAfterS } = error.meta;
        if (retryAfterS !== undefined) response.setHeader('retry-after', String(retryAfterS));
        // What is left of a body that was refused would be taken for the next request.
        if (!request.complete) response.setHeader('connection', 'close');
        sendText(response, error.status, errorBody(error, 'plain'));
      }
    },
  };
}

/** By its client, or by the server because the rest of it did not come in time. */
const isBrokenOff = (thrown: unknown, { complete }: IncomingMessage): boolean =>
  !complete && systemErrorCode(thrown) === 'ECONNRESET';

function bearerToken({ headers }: IncomingMessage): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

/** Cookies do not know ports, and a machine may run several nodes. */
const cookieName = ({ socket }: IncomingMessage): string => `fxn-console-${socket.localPort}`;

function sessionCookie(request: IncomingMessage): string | undefined {
  const start = `${cookieName(request)}=`;
  const cookies = (request.headers.cookie ?? '').split('; ');
  return cookies.find((cookie) => cookie.startsWith(start))?.slice(start.length);
}

function hasSession(request: IncomingMessage, sessions: ConsoleSessions): boolean {
  const name = sessionCookie(request);
  return name !== undefined && sessions.use(name);
}

/** Until the browser is closed; the session itself ends earlier where it is not used. `undefined` takes it back. */
function setCookie(request: IncomingMessage, response: ServerResponse, name: string | undefined): void {
  const attributes = [
    `${cookieName(request)}=${name ?? ''}`,
    'HttpOnly',
    'SameSite=Strict',
    'Path=/',
    ...(isThroughTls(request.headers) ? ['Secure'] : []),
    ...(name === undefined ? ['Max-Age=0'] : []),
  ];
  response.setHeader('set-cookie', attributes.join('; '));
}

/** A parameter that counts something; 0 when it is absent or no number. */
function number(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function sendFile({ request, response }: Asked, file: PageFile): void {
  response.setHeader('cache-control', file.caching);
  response.setHeader('etag', file.etag);
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'content-type': file.contentType, 'content-length': file.bytes.length });
  response.end(file.bytes);
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void =>
  sendText(response, status, JSON.stringify(value));

function sendText(response: ServerResponse, status: number, json: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(json),
  });
  response.end(json);
}
