/** The clients of the soak: most behave, the others do what the node must bear. Runs in the soak's own process. */
import { connect } from 'node:net';
import type { Caller } from '#test/support/caller.js';
import { createCaller } from '#test/support/caller.js';
import { type Answer, begin, type OpenAnswer } from '#test/support/httpClient.js';
import { sendRaw } from '#test/support/rawHttp.js';
import { callersModel, pick } from './moodyBackend.js';
import type { Circumstances, Verdicts } from './verdicts.js';

export interface ClientWorld {
  readonly port: number;
  readonly gateway: Caller;
  readonly random: () => number;
  readonly verdicts: Verdicts;
  readonly maxBodyBytes: number;
  /** What went on since then, a moment before and after included. */
  readonly circumstancesSince: (sinceMs: number) => Circumstances;
}

/** Kinds of clients and how many of a hundred are of each kind. */
const shares = {
  patient: 46,
  largeBody: 4,
  slowReader: 5,
  slowBody: 3,
  leaver: 20,
  replayer: 5,
  stranger: 3,
  oversized: 2,
  malformed: 4,
  smuggler: 5,
  garbler: 3,
} as const;
export type ClientKind = keyof typeof shares;

const kinds = (Object.keys(shares) as ClientKind[]).flatMap((kind) =>
  Array.from({ length: shares[kind] }, () => kind),
);
/** Above all timers of the node: who waits for longer waits for ever. */
const patienceMs = 30_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function createClients(world: ClientWorld): { one(): Promise<ClientKind>; patient(): Promise<void> } {
  const { port, gateway, random, verdicts, maxBodyBytes, circumstancesSince } = world;
  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  const stranger = createCaller();
  let requests = 0;

  const newId = (prefix: string): string => `${prefix}-${requests++}`;
  const bodyOf = (id: string, more: object = {}): string =>
    JSON.stringify({ model: callersModel, id, stream: random() < 0.6, messages: [], ...more });

  /** Judges what came of it; `undefined` when no whole head came. */
  const judged = async (
    id: string,
    sinceMs: number,
    answering: Promise<Answer>,
  ): Promise<Answer | undefined> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, patienceMs, 'late');
    });
    const answer = await Promise.race([answering.catch(() => undefined), late]);
    clearTimeout(timer);
    if (answer === 'late') {
      verdicts.accuse(`hangs for ${patienceMs} ms: ${id}`);
      return undefined;
    }
    // What has crashed is known a moment later.
    if (answer?.isWhole !== true) await sleep(300);
    verdicts.judge(id, answer, circumstancesSince(sinceMs));
    verdicts.forget(id);
    return answer;
  };

  const ask = async (id: string, body: string, read?: (answer: OpenAnswer) => Promise<void>) => {
    const headers = await gateway.sign(body);
    const sinceMs = performance.now();
    const answering = begin(url, { body, headers }).answer.then(async (open) => {
      await read?.(open);
      return open.end();
    });
    return { headers, answer: await judged(id, sinceMs, answering) };
  };

  const patient = async (): Promise<void> => {
    const id = newId('patient');
    await ask(id, bodyOf(id));
  };

  /** The request as bytes, for clients that go their own way with them. */
  const requestBytes = (headers: Readonly<Record<string, string>>, body: string, more = ''): string => {
    const signed = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n${signed.join('')}${more}\r\n${body}`;
  };
  const length = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}\r\n`;

  const expectRefusal = async (what: string, bytes: string | Buffer, allowed: readonly number[]) => {
    const { statuses, text } = await sendRaw(port, bytes, {
      waitMs: 2_000,
      until: (received) => /\r\n\r\n./.test(received),
    });
    if (statuses.some((status) => !allowed.includes(status) && status !== 429 && status !== 503)) {
      verdicts.accuse(`${what} was answered with ${statuses}: ${text.slice(0, 200)}`);
    }
  };

  const behaviours: Readonly<Record<ClientKind, () => Promise<void>>> = {
    patient,
    async largeBody() {
      const id = newId('large');
      await ask(id, bodyOf(id, { prompt: 'x'.repeat(Math.floor(random() * maxBodyBytes * 0.9)) }));
    },
    async slowReader() {
      const id = newId('slowReader');
      await ask(id, bodyOf(id), async (answer) => {
        for (let rest = 0; rest < 3; rest++) {
          answer.pause();
          await sleep(random() * 400);
          answer.resume();
          await sleep(random() * 20);
        }
      });
    },
    async slowBody() {
      const id = newId('slowBody');
      const body = bodyOf(id, { prompt: 'y'.repeat(2_000) });
      const bytes = Buffer.from(
        requestBytes(await gateway.sign(body), body, `Connection: close\r\n${length(body)}`),
      );
      const sinceMs = performance.now();
      await judged(id, sinceMs, sendSlowly(port, bytes, random));
    },
    async leaver() {
      const id = newId('leaver');
      const body = bodyOf(id, { prompt: 'z'.repeat(Math.floor(random() * 5_000)) });
      const request = begin(url, { body, headers: await gateway.sign(body) });
      request.answer.then(
        (open) => void open.end(),
        () => undefined,
      );
      await sleep(random() * (random() < 0.5 ? 20 : 300));
      request.leave(random() < 0.5 ? 'fin' : 'rst');
      await sleep(50);
      verdicts.forget(id);
    },
    async replayer() {
      const id = newId('replayed');
      const body = bodyOf(id);
      const { headers, answer } = await ask(id, body);
      if (answer?.status !== 200) return;
      const again = await begin(url, { body, headers })
        .answer.then((open) => open.end())
        .catch(() => undefined);
      if (again !== undefined && again.status < 400) verdicts.accuse(`a replay was served: ${id}`);
    },
    async stranger() {
      const body = bodyOf(newId('never-stranger'));
      const wrong: Record<string, string> = pick(
        [{}, await stranger.sign(body), await gateway.sign(`${body} `), { 'x-address': 'nonsense' }],
        random,
      );
      await expectRefusal('a stranger', requestBytes(wrong, body, length(body)), [401]);
    },
    async oversized() {
      const body = bodyOf(newId('never-oversized'), {
        prompt: 'x'.repeat(Math.floor(maxBodyBytes * (1 + random() * 2))),
      });
      await expectRefusal(
        'a body too large',
        requestBytes(await gateway.sign(body), body, length(body)),
        [413],
      );
    },
    async malformed() {
      const body = pick(
        ['', '{', '[]', 'null', '{"model":1}', '{"model":"m","model":"m"}', '{"model":"other"}', '\0\0'],
        random,
      );
      await expectRefusal(
        'a malformed body',
        requestBytes(await gateway.sign(body), body, length(body)),
        [400, 404],
      );
    },
    async smuggler() {
      const hidden = bodyOf(newId('never-smuggled'));
      const inner = requestBytes({}, hidden, length(hidden));
      const framing = pick(
        [
          `${length(inner)}Transfer-Encoding: chunked\r\n`,
          `Content-Length: 0\r\n${length(inner)}`,
          `${length(inner)}Content-Length: 0\r\n`,
          'Transfer-Encoding: chunked, identity\r\n',
          `Content-Length: +${inner.length}\r\n`,
          'Transfer-Encoding : chunked\r\n',
        ],
        random,
      );
      await expectRefusal(
        'a smuggler',
        requestBytes(await gateway.sign(inner), inner, framing),
        [400, 401, 413, 431, 505],
      );
    },
    async garbler() {
      const noise = Buffer.from(
        Array.from({ length: 1 + Math.floor(random() * 400) }, () => Math.floor(random() * 256)),
      );
      const bytes = pick(
        [
          noise,
          Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(2_000)}\r\n`),
          Buffer.from(`X: ${'y'.repeat(20_000)}\r\n\r\n`),
        ],
        random,
      );
      await expectRefusal('noise', bytes, [400, 401, 404, 405, 431, 505]);
    },
  };

  return {
    patient,
    async one() {
      const kind = pick(kinds, random);
      await behaviours[kind]();
      return kind;
    },
  };
}

/** Sends in pieces with pauses; reads until the server closes. */
function sendSlowly(port: number, bytes: Buffer, random: () => number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (piece) => {
      pieces.push(piece);
      const answer = parse(Buffer.concat(pieces));
      if (answer?.isWhole === true) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const answer = parse(Buffer.concat(pieces));
      if (answer === undefined) reject(new Error('no answer'));
      else resolve(answer);
    });
    let from = 0;
    const next = (): void => {
      if (socket.destroyed || from >= bytes.length) return;
      // The head in one piece, so that what is slow is the body.
      const to = from === 0 ? bytes.indexOf('\r\n\r\n') + 4 : from + 1 + Math.floor(random() * 600);
      socket.write(bytes.subarray(from, to));
      from = to;
      setTimeout(next, random() * 200);
    };
    next();
  });
}

/** An answer that is chunked or counted. */
function parse(bytes: Buffer): Answer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const rest = bytes.subarray(headEnd + 4);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    return { status, headers: {}, body: rest, text: rest.toString(), isWhole: rest.length >= Number(length) };
  }
  const parts: Buffer[] = [];
  for (let from = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', from);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(rest.toString('latin1', from, lineEnd), 16);
    const isWhole = size === 0;
    if (isWhole || Number.isNaN(size) || lineEnd + 4 + size > rest.length) {
      const body = Buffer.concat(parts);
      return { status, headers: {}, body, text: body.toString(), isWhole };
    }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    from = lineEnd + 4 + size;
  }
}
