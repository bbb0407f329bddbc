/**
 * Load on a node, in a process of its own. `closed`: so many clients that each wait for their answer. `open`: so many
 * requests a second, whatever becomes of them. Connections are kept; a request takes a free one or opens one.
 */
import { connect, type Socket } from 'node:net';

export interface LoadOrder {
  readonly port: number;
  readonly mode: 'closed' | 'open';
  /** Clients when closed, requests a second when open. */
  readonly amount: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

export interface LoadResult {
  /** Whole answers a second with status 200. */
  readonly goodput: number;
  readonly offered: number;
  /** Answers by status; `cut` for those that ended before their framing did. */
  readonly counts: Readonly<Record<string, number>>;
  /** Time to each answer of status 429 and 503, sorted. */
  readonly rejects: Readonly<Record<'429' | '503', readonly number[]>>;
  /** How late the open load sent, 99th percentile: more than a few milliseconds, and this process is the limit. */
  readonly lagP99Ms: number;
}

const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] });
const request = Buffer.from(
  `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const lastChunk = Buffer.from('0\r\n\r\n');

/** One connection with one request at a time. */
class Connection {
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #done: ((status: string) => void) | undefined;
  isOpen = true;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (piece) => {
      this.#pieces.push(piece);
      const answer = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
      const status = statusOfWhole(answer);
      if (status !== undefined) this.#end(status);
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isOpen = false;
      this.#end('cut');
    });
  }

  ask(done: (status: string) => void): void {
    this.#pieces = [];
    this.#done = done;
    this.#socket.write(request);
  }

  close(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #end(status: string): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status);
  }
}

function statusOfWhole(answer: Buffer): string | undefined {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = answer.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const isWhole =
    length === undefined
      ? answer.subarray(-lastChunk.length).equals(lastChunk) && answer.includes('[DONE]')
      : answer.length >= headEnd + 4 + Number(length);
  return isWhole ? head.slice(9, 12) : undefined;
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});
process.once('disconnect', () => process.exit(0));

async function run({ port, mode, amount, warmUpMs, measuredMs }: LoadOrder): Promise<LoadResult> {
  const free: Connection[] = [];
  const all = new Set<Connection>();
  const counts: Record<string, number> = {};
  const rejects: Record<'429' | '503', number[]> = { '429': [], '503': [] };
  const lags: number[] = [];
  const beginMs = performance.now() + warmUpMs;
  const endMs = beginMs + measuredMs;
  let isOver = false;

  const ask = (after: () => void): void => {
    let connection = free.pop();
    while (connection?.isOpen === false) {
      all.delete(connection);
      connection = free.pop();
    }
    connection ??= new Connection(port);
    all.add(connection);
    const used = connection;
    const sentMs = performance.now();
    used.ask((status) => {
      if (isOver) return;
      const nowMs = performance.now();
      if (nowMs >= beginMs && nowMs < endMs) {
        counts[status] = (counts[status] ?? 0) + 1;
        if (status === '429' || status === '503') rejects[status].push(nowMs - sentMs);
      }
      if (used.isOpen) free.push(used);
      after();
    });
  };

  let sent = 0;
  let ticking: NodeJS.Timeout | undefined;
  if (mode === 'closed') {
    const again = (): void => {
      if (performance.now() < endMs) ask(again);
    };
    for (let client = 0; client < amount; client++) again();
  } else {
    const startMs = performance.now();
    ticking = setInterval(() => {
      const nowMs = performance.now();
      for (; startMs + (sent * 1_000) / amount <= nowMs && nowMs < endMs; sent++) {
        lags.push(nowMs - startMs - (sent * 1_000) / amount);
        ask(() => undefined);
      }
    }, 1);
  }
  await new Promise((resolve) => setTimeout(resolve, endMs - performance.now()));
  isOver = true;
  clearInterval(ticking);
  for (const connection of all) connection.close();
  const answered = Object.values(counts).reduce((sum, count) => sum + count, 0);
  for (const times of Object.values(rejects)) times.sort((a, b) => a - b);
  lags.sort((a, b) => a - b);
  return {
    goodput: ((counts['200'] ?? 0) * 1_000) / measuredMs,
    offered: mode === 'open' ? amount : (answered * 1_000) / measuredMs,
    counts,
    rejects,
    lagP99Ms: lags[Math.floor(lags.length * 0.99)] ?? 0,
  };
}
