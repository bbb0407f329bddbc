/**
 * What a matrix challenge on the CPU costs those who are being streamed to: 64 event streams with a frame each 20 ms
 * through a real node, each frame with the moment it was sent in it. Without a challenge, during challenges of the
 * scheduler one after the other, and without again. In the same run some streams go to the backend directly: what they
 * lose is this process's and the machine's, not the node's. Backend and clients are this process and use one clock.
 * `node dist/bench/challengeStreams.js [--smoke]`; takes about 40 s, the smoke run ten.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { startBypassNode } from '#test/support/bypassNode.js';
import {
  chunk,
  chunkedHead,
  eventStream,
  type RawRequest,
  startRawBackend,
} from '#test/support/rawBackend.js';
import { createScheduler, sendSigned } from '#test/support/testStand.js';

const isSmoke = process.argv.includes('--smoke');
const size = isSmoke ? 512 : 4_096;
const phaseMs = isSmoke ? 2_000 : 10_000;
const warmUpMs = 1_000;
const streams = 64;
const directStreams = 8;
const frameMs = 20;
/** A challenge that takes longer has failed. */
const challengeDeadlineMs = 90_000;

const command = `node dist/bench/challengeStreams.js${isSmoke ? ' --smoke' : ''}`;
const openStreams = new Set<Socket>();

/** What the first stream that ended by itself last said: with fewer streams the figures mean something else. */
let broken: string | undefined;

/** Delays of the phase that is being measured; nobody collects between the phases. */
let delays: { readonly through: number[]; readonly direct: number[] } | undefined;

function answer({ socket }: RawRequest): void {
  socket.write(chunkedHead(eventStream));
  let frames: NodeJS.Timeout | undefined;
  const send = (): void => {
    const content = `@${performance.now().toFixed(3)}@`;
    socket.write(chunk(`data: {"model":"m","choices":[{"delta":{"content":"${content}"}}]}\n\n`));
  };
  // Each at a moment of its own, so that no burst is measured.
  const start = setTimeout(() => {
    frames = setInterval(send, frameMs);
  }, Math.random() * frameMs);
  socket.once('close', () => {
    clearTimeout(start);
    clearInterval(frames);
  });
}

/** Opens a stream that collects its delays; resolves at its first frame. */
function openStream(port: number, kind: 'through' | 'direct'): Promise<void> {
  const body = JSON.stringify({ model: 'm', stream: true });
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  openStreams.add(socket);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let unread = '';
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => {
      if (!openStreams.has(socket)) return;
      broken ??= unread.slice(0, 300);
      reject(new Error(`a stream ended: ${broken}`));
    });
    socket.on('data', (piece) => {
      const nowMs = performance.now();
      unread += piece.toString('latin1');
      let read = 0;
      for (const stamp of unread.matchAll(/@([\d.]+)@/g)) {
        read = stamp.index + stamp[0].length;
        delays?.[kind].push(nowMs - Number(stamp[1]));
        resolve();
      }
      unread = unread.slice(read);
    });
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const rounded = (value: number): number => Math.round(value * 100) / 100;

interface Figures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

function figuresOf(values: readonly number[]): Figures {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Measures for as long as the work takes. */
async function measure(work: () => Promise<void>): Promise<{ through: number[]; direct: number[] }> {
  const collected = { through: [], direct: [] };
  delays = collected;
  await work();
  delays = undefined;
  if (broken !== undefined) throw new Error(`a stream ended: ${broken}`);
  return collected;
}

function print(name: string, { through, direct }: Awaited<ReturnType<typeof measure>>, more = {}): void {
  const directFigures = figuresOf(direct);
  console.log(
    JSON.stringify({
      bench: 'challengeStreams',
      case: name,
      ...figuresOf(through),
      directP50Ms: directFigures.p50Ms,
      directP99Ms: directFigures.p99Ms,
      directMaxMs: directFigures.maxMs,
      frames: through.length,
      streams,
      size,
      ...more,
      cores: availableParallelism(),
      command,
    }),
  );
}

/** One after the other for as long as a phase takes, at least one. Throws unless each is answered. */
async function challenge(port: number): Promise<number[]> {
  const endMs = performance.now() + phaseMs;
  const tookMs: number[] = [];
  do {
    const payload = { seed: randomBytes(32).toString('hex'), size, backend: 'cpu' };
    const startedMs = performance.now();
    const { status, body } = await sendSigned(port, scheduler, {
      path: '/challenge',
      body: JSON.stringify({ type: 'MATRIX_MULTIPLICATION', payload }),
      signal: AbortSignal.timeout(challengeDeadlineMs),
    });
    if (status !== 200) throw new Error(`the challenge was answered with ${status}: ${body.slice(0, 300)}`);
    tookMs.push(performance.now() - startedMs);
  } while (performance.now() < endMs);
  return tookMs;
}

const scheduler = createScheduler();
const backend = await startRawBackend(answer);
const node = await startBypassNode({
  modelBackends: {
    models: [{ name: 'm', backends: [{ url: backend.url, maxConcurrency: streams + 8 }] }],
  },
  config: { proxy: { healthInterval: '1h' } },
});
try {
  await Promise.all([
    ...Array.from({ length: streams }, () => openStream(node.port, 'through')),
    ...Array.from({ length: directStreams }, () => openStream(backend.port, 'direct')),
  ]);
  await sleep(warmUpMs);
  const before = await measure(() => sleep(phaseMs));
  print('before', before);
  let tookMs: number[] = [];
  const during = await measure(async () => {
    tookMs = await challenge(node.port);
  });
  print('during challenges', during, {
    challenges: tookMs.length,
    challengeMs: figuresOf(tookMs).p50Ms,
  });
  const after = await measure(() => sleep(phaseMs));
  print('after', after);

  const without = figuresOf([...before.through, ...after.through]);
  const within = figuresOf(during.through);
  console.log(
    JSON.stringify({
      bench: 'challengeStreams',
      case: 'added by challenges',
      p50Ms: rounded(within.p50Ms - without.p50Ms),
      p99Ms: rounded(within.p99Ms - without.p99Ms),
      maxMs: rounded(within.maxMs - without.maxMs),
      streams,
      size,
      cores: availableParallelism(),
      command,
    }),
  );
} finally {
  const sockets = [...openStreams];
  openStreams.clear();
  for (const socket of sockets) socket.destroy();
  await node.close();
  await backend.close();
}
