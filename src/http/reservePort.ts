/**
 * Makes sure that nobody else listens on a port. uWS shares ports between processes without a word, so two
 * nodes would split the requests of one identity; a plain exclusive bind shows it. Runs in main.
 */
import { createServer } from 'node:net';
import { NodeError } from '../errors/nodeError.js';

/**
 * @param port 0 for any free one
 * @returns the port, which was free a moment ago
 * @throws NodeError `port_in_use`
 */
export function reservePort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(listenError({ host, port, keys: 'node.listenAddress, node.listenPort' }, cause));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

interface ListenTarget {
  readonly host: string;
  readonly port: number;
  /** The settings that name it. */
  readonly keys: string;
}

/** Why an address cannot be listened on: somebody else does, or it is not this machine's. */
export function listenError({ host, port, keys }: ListenTarget, cause: NodeJS.ErrnoException): NodeError {
  if (cause.code === 'EADDRINUSE') {
    const message = `port in use: ${host}:${port} (${keys}); stop the other program or choose another port`;
    return new NodeError('port_in_use', { message, cause });
  }
  const message = `cannot listen on ${host}:${port} (${keys}): ${cause.code ?? cause.message}`;
  return new NodeError('config_invalid', { message, cause });
}
