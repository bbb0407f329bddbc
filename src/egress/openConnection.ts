/**
 * Opens the connection of a guarded request, to the addresses that were checked and to no other: nothing below this
 * resolves a name, looks for a proxy or shares a socket. Runs in main.
 */
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Target } from './checkTarget.js';
import type { RequestPhase } from './transportFailure.js';

/** Begins a TCP connection to one of the target's addresses. */
export type Connect = (target: Target) => Socket;

export interface ConnectionOptions {
  readonly target: Target;
  readonly connect: Connect;
  /** Certificates (PEM) to trust instead of the usual ones. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  /** Told when the next phase begins. */
  onPhase(phase: RequestPhase): void;
}

/** What one address may take before the next is tried beside it; several fit into the deadline of a request. */
const attemptTimeoutMs = 1_000;

export const connectPinned: Connect = ({ addresses, port }) => {
  const checked = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_name, { all }, callback) => {
    const [first] = checked;
    // Both forms are asked for, depending on the version of Node.js.
    if (all === true) callback(null, checked);
    else callback(null, first!.address, first!.family);
  };
  const [only] = addresses;
  if (addresses.length === 1) return connect({ host: only!, port });
  return connect({
    // Never resolved, so no name that could be.
    host: 'checked-addresses.invalid',
    port,
    lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptTimeoutMs,
  });
};

/** Rejects with whatever failed; the socket is gone then. */
export async function openConnection(options: ConnectionOptions): Promise<Socket> {
  const { target, signal, ca, onPhase } = options;
  onPhase('connect');
  const socket = options.connect(target);
  await untilReady(socket, 'connect', signal);
  if (target.url.protocol !== 'https:') return socket;

  onPhase('tls');
  const secured = connectTls({
    socket,
    // What the certificate must name; an address cannot be asked for by SNI.
    host: target.host,
    ...(isIP(target.host) === 0 && { servername: target.host }),
    ...(ca !== undefined && { ca }),
    ALPNProtocols: ['http/1.1'],
    // Else an environment variable could turn it off.
    rejectUnauthorized: true,
  });
  await untilReady(secured, 'secureConnect', signal);
  return secured;
}

/** Once the event is there; a failure or the signal destroys the socket. */
function untilReady(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      // What it says afterwards is about a socket that nobody holds.
      socket.on('error', ignore);
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(new Error('called off'));
    const close = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    socket.once('error', fail);
    socket.once('close', close);
    socket.once(event, () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      socket.off('close', close);
      resolve();
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

const ignore = (): undefined => undefined;
