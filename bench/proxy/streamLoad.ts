/**
 * The clients of the stream bench, in a process of their own: they hold streams open, and note how old each frame is
 * when it arrives, by the clock of the machine that the mock writes into it. Ordered by messages, one at a time.
 */
import { connect, type Socket } from 'node:net';
import { createAnswerReader } from './answerReader.js';
import { percentile } from './figures.js';
import { requestBytes, streamBody } from './traffic.js';

export type StreamOrder =
  | {
      readonly do: 'open';
      readonly port: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly streams: number;
      /** Between one opening and the next. */
      readonly everyMs: number;
    }
  | { readonly do: 'measure'; readonly forMs: number }
  | {
      readonly do: 'probe';
      readonly port: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly count: number;
      readonly everyMs: number;
      /** Fewer than `count` on a machine that has no time. */
      readonly forMs: number;
    }
  | { readonly do: 'close' };

export interface FrameFigures {
  readonly frames: number;
  /** Frames that came in one read with an earlier one of their stream. */
  readonly merged: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Streams that have ended though nobody ended them. */
  readonly cut: number;
}

export interface ProbeFigures {
  /** From the first byte of the request to the first frame, in microseconds. */
  readonly firstP50Us: number;
  readonly firstP99Us: number;
}

/** More frames than any run lasts. */
const endless = 1_000_000_000;
const marker = Buffer.from('"sent":"');
/** What may stand between two frames: the end of one, and the size of the next chunk. */
const longestGap = 24;
const lost = 'a stream was refused or cut while it was opened';

let open: Socket[] = [];
let delaysUs: number[] = [];
let merged = 0;
let cut = 0;

process.on('message', (order: StreamOrder) => {
  void run(order).then((figures) => process.send?.(figures));
});
process.once('disconnect', () => process.exit(0));
process.send?.(0);

async function run(order: StreamOrder): Promise<FrameFigures | ProbeFigures | Record<string, never>> {
  switch (order.do) {
    case 'open':
      await openAll(order);
      return {};
    case 'measure':
      return measure(order.forMs);
    case 'probe':
      return probe(order);
    case 'close':
      for (const socket of open) socket.destroy();
      open = [];
      return {};
  }
}

async function openAll({ port, headers, streams, everyMs }: StreamOrder & { do: 'open' }): Promise<void> {
  const request = requestBytes(streamBody(endless), headers, port);
  cut = 0;
  const first: Promise<void>[] = [];
  for (let count = 0; count < streams; count++) {
    first.push(openStream(port, request));
    await sleep(everyMs);
  }
  await Promise.all(first);
}

/** Resolves with its first frame. */
function openStream(port: number, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    open.push(socket);
    let rest: Buffer | undefined;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      cut++;
      reject(new Error(lost));
    });
    socket.on('data', (piece) => {
      const nowNs = Number(process.hrtime.bigint());
      const bytes = rest === undefined ? piece : Buffer.concat([rest, piece]);
      let after = 0;
      let frames = 0;
      for (;;) {
        const from = bytes.indexOf(marker, after);
        if (from === -1) break;
        const to = bytes.indexOf(0x22, from + marker.length);
        if (to === -1) break;
        const sentNs = Number(bytes.toString('latin1', from + marker.length, to));
        delaysUs.push((nowNs - sentNs) / 1_000);
        after = to + 1;
        frames++;
      }
      if (frames > 0) resolve();
      if (frames > 1) merged += frames - 1;
      // A frame that came in part is read with what follows.
      rest = bytes.length - after > longestGap ? bytes.subarray(after) : undefined;
    });
    socket.write(request);
  });
}

async function measure(forMs: number): Promise<FrameFigures> {
  delaysUs = [];
  merged = 0;
  await sleep(forMs);
  const sorted = Float64Array.from(delaysUs).sort();
  return {
    frames: sorted.length,
    merged,
    p50Us: percentile(sorted, 0.5),
    p99Us: percentile(sorted, 0.99),
    cut,
  };
}

/** Streams of one frame each, one after the other on one connection, beside those that are open. */
async function probe(order: StreamOrder & { do: 'probe' }): Promise<ProbeFigures> {
  const { port, headers, count, everyMs, forMs } = order;
  const endMs = performance.now() + forMs;
  const request = requestBytes(streamBody(1), headers, port);
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const timesUs: number[] = [];
  let sentMs = 0;
  let hasFirst = false;
  let ended = (): void => undefined;
  const read = createAnswerReader(() => ended());
  socket.on('data', (piece) => {
    if (!hasFirst && piece.includes(marker)) {
      hasFirst = true;
      timesUs.push((performance.now() - sentMs) * 1_000);
    }
    read(piece);
  });
  const failed = new Promise<never>((_, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(lost)));
  });
  failed.catch(() => undefined);
  for (let sent = 0; sent < count && performance.now() < endMs; sent++) {
    hasFirst = false;
    const answered = new Promise<void>((resolve) => {
      ended = resolve;
    });
    sentMs = performance.now();
    socket.write(request);
    await Promise.race([answered, failed]);
    await sleep(everyMs);
  }
  socket.destroy();
  const sorted = timesUs.sort((a, b) => a - b);
  return { firstP50Us: percentile(sorted, 0.5), firstP99Us: percentile(sorted, 0.99) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
