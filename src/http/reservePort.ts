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
      const message =
        cause.code === 'EADDRINUSE'
          ? `port in use: ${host}:${port} (node.listenPort); stop the other program or choose another port`
          : `cannot listen on ${host}:${port} (node.listenAddress): ${cause.code ?? cause.message}`;
      reject(new NodeError('port_in_use', { message, cause }));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
