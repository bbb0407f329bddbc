/**
 * How long after its client has left an upstream request ends: from the call that closes the client's socket to the
 * close of the backend's socket, both in this process and by one clock, at 64 requests at once. In the same run the
 * same through the node's peers, and without a proxy before and after them, so that what this process needs itself is
 * known. After each, no request may be left at the backend.
 * `node dist/bench/aborts.js [--smoke] [--peers LIST] [--arms LIST]`; takes about a minute, the smoke run ten seconds.
 */
import { connect, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import {
  chunk,
  chunkedHead,
  eventStream,
  type RawRequest,
  startRawBackend,
} from '#test/support/rawBackend.js';
import { type Arm, presentArms, startArm } from './proxy/arms.js';
import { percentile as at, ratio, rounded } from './proxy/figures.js';
import { isWantedArm, readOptions } from './proxy/options.js';
import { machineLoad } from './proxy/stage.js';

const options = readOptions();
const { isSmoke } = options;
const atOnce = isSmoke ? 8 : 64;
const departures = isSmoke ? 20 : 2_000;
const tokenMs = 20;
/** A request that is still at the backend after this has been left there. */
const leftPatienceMs = 10_000;
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
/** Connections of the backend on which a request waits for the end of its answer, which never comes. */
const answering = new Set<Socket>();

function answer({ socket, body }: RawRequest): void {
  // Kept requests would grow over the run.
  (backend.requests as RawRequest[]).length = 0;
  const { stage, id } = JSON.parse(body.toString()) as { stage: Stage; id: string };
  answering.add(socket);
  socket.once('close', () => answering.delete(socket));
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

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a request was left at the backend')), leftPatienceMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Milliseconds from leaving to the backend's knowing of it, for each of many, with `atOnce` open all the time. */
async function leaveMany(port: number, stage: Stage, how: How): Promise<number[]> {
  const open = Array.from({ length: atOnce }, () => begin(port, stage));
  const timesMs: number[] = [];
  for (let left = 0; left < departures; left++) {
    const { socket, hasArrived } = open.shift()!;
    const upstream = await hasArrived;
    const closed = closeOf(upstream);
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

/** Requests that are still at the backend after all clients have left. */
async function countLeft(): Promise<number> {
  const deadlineMs = performance.now() + leftPatienceMs;
  while (answering.size > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return answering.size;
}

const backend = await startRawBackend(answer);
const names = presentArms(
  (['nginx', 'bare', 'node', 'haproxy', 'node-http'] as const).filter((name) =>
    isWantedArm(options, name, name),
  ),
);
const arms: Arm[] = [];
try {
  // Not pinned: clients and backend are this process, which is idle while a proxy has something to do.
  const common = { backendPort: backend.port, cores: null, isSigned: false, isStreaming: true };
  for (const name of names) arms.push(await startArm(name, common));
  for (const stage of ['streaming', 'not answered yet'] as const) {
    for (const how of ['fin', 'rst'] as const) await compare(stage, how);
  }
} finally {
  for (const arm of arms) await arm.close();
  await backend.close();
}

async function compare(stage: Stage, how: How): Promise<void> {
  const before = await leaveMany(backend.port, stage, how);
  const times = new Map<Arm, { sorted: readonly number[]; left: number }>();
  for (const arm of arms) {
    const sorted = await leaveMany(arm.port, stage, how).catch((cause: unknown) => {
      throw new Error(`${arm.name}, ${stage}, ${how}`, { cause });
    });
    times.set(arm, { sorted, left: await countLeft() });
  }
  const after = await leaveMany(backend.port, stage, how);
  const direct = [...before, ...after].sort((a, b) => a - b);
  const nginx = [...times].find(([{ name }]) => name === 'nginx')?.[1].sorted;
  for (const [{ name }, { sorted, left }] of times) {
    console.log(
      JSON.stringify({
        bench: 'aborts',
        case: `${stage}, ${how}, ${name}`,
        p50Ms: rounded(at(sorted, 0.5)),
        p99Ms: rounded(at(sorted, 0.99)),
        maxMs: rounded(sorted.at(-1)),
        p50ToNginx: nginx === undefined ? null : ratio(at(sorted, 0.5), at(nginx, 0.5)),
        p99ToNginx: nginx === undefined ? null : ratio(at(sorted, 0.99), at(nginx, 0.99)),
        directP50Ms: rounded(at(direct, 0.5)),
        directP99Ms: rounded(at(direct, 0.99)),
        ratioOfMedians: ratio(at(sorted, 0.5), at(direct, 0.5)),
        left,
        departures,
        atOnce,
        cores: availableParallelism(),
        machineLoad: machineLoad(),
        command: `node dist/bench/aborts.js${options.flags}`,
      }),
    );
    if (left > 0) throw new Error(`${name}: ${left} requests were left at the backend`);
  }
}
