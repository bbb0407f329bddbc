/**
 * How long after its client has left an upstream request ends: from the call that closes the client's socket to the
 * close of the backend's socket, both in this process and by one clock, at 64 requests at once. In the same run the
 * same without a node between, so that what this process needs itself is known.
 * `node dist/bench/aborts.js [--smoke]`; takes about 20 s, the smoke run three.
 */
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

const isSmoke = process.argv.includes('--smoke');
const atOnce = 64;
const departures = isSmoke ? 100 : 2_000;
const tokenMs = 20;
const frame = chunk('data: {"model":"m","choices":[{"delta":{"content":"token"}}]}\n\n');

type Stage = 'streaming' | 'not answered yet';
type How = 'fin' | 'rst';

interface OpenRequest {
  readonly socket: Socket;
  readonly hasArrived: Promise<Socket>;
}

/** Those who wait until their request has reached the backend, by the number in it. */
const arrivals = new Map<string, (socket: Socket) => void>();
let requests = 0;

function answer({ socket, body }: RawRequest): void {
  // Kept requests would grow over the run.
  (backend.requests as RawRequest[]).length = 0;
  const { stage, id } = JSON.parse(body.toString()) as { stage: Stage; id: string };
  if (stage === 'streaming') {
    socket.write(chunkedHead(eventStream));
    const tokens = setInterval(() => socket.write(frame), tokenMs);
    socket.once('close', () => clearInterval(tokens));
  }
  arrivals.get(id)?.(socket);
  arrivals.delete(id);
}

function begin(port: number, stage: Stage): OpenRequest {
  const id = String(requests++);
  const body = JSON.stringify({ model: 'm', stage, id });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const hasArrived = new Promise<Socket>((resolve) => arrivals.set(id, resolve));
  const hasBytes =
    stage === 'streaming' ? new Promise((resolve) => socket.once('data', resolve)) : Promise.resolve();
  socket.on('data', () => undefined);
  return { socket, hasArrived: hasBytes.then(() => hasArrived) };
}

/** Milliseconds from leaving to the backend's knowing of it, for each of many, with `atOnce` open all the time. */
async function leaveMany(port: number, stage: Stage, how: How): Promise<number[]> {
  const open = Array.from({ length: atOnce }, () => begin(port, stage));
  const timesMs: number[] = [];
  for (let left = 0; left < departures; left++) {
    const { socket, hasArrived } = open.shift()!;
    const upstream = await hasArrived;
    const closed = new Promise((resolve) => upstream.once('close', resolve));
    const leftAtMs = performance.now();
    if (how === 'rst') socket.resetAndDestroy();
    else socket.destroy();
    await closed;
    timesMs.push(performance.now() - leftAtMs);
    open.push(begin(port, stage));
  }
  for (const { socket } of open) socket.destroy();
  return timesMs.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 100) / 100;

const backend = await startRawBackend(answer);
const node = await startBypassNode({
  modelBackends: { models: [{ name: 'm', backends: [{ url: backend.url }] }] },
  config: { proxy: { healthInterval: '1h' } },
});
try {
  for (const stage of ['streaming', 'not answered yet'] as const) {
    for (const how of ['fin', 'rst'] as const) {
      const before = await leaveMany(backend.port, stage, how);
      const through = await leaveMany(node.port, stage, how);
      const after = await leaveMany(backend.port, stage, how);
      const direct = [...before, ...after].sort((a, b) => a - b);
      console.log(
        JSON.stringify({
          bench: 'aborts',
          case: `${stage}, ${how}`,
          p50Ms: rounded(at(through, 0.5)),
          p99Ms: rounded(at(through, 0.99)),
          maxMs: rounded(through.at(-1)!),
          directP50Ms: rounded(at(direct, 0.5)),
          directP99Ms: rounded(at(direct, 0.99)),
          ratioOfMedians: rounded(at(through, 0.5) / at(direct, 0.5)),
          departures,
          atOnce,
          cores: availableParallelism(),
          command: `node dist/bench/aborts.js${isSmoke ? ' --smoke' : ''}`,
        }),
      );
    }
  }
} finally {
  await node.close();
  await backend.close();
}
