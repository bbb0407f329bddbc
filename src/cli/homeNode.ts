/** What a home folder's configuration says about reaching its node and signing as it. Runs in the command line. */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.js';
import { type LoadConfigOptions, loadConfig } from '../config/loadConfig.js';
import { homePaths } from '../lib/homePaths.js';
import { UsageError } from './usageError.js';

/**
 * Throws `config_invalid` when the files do not hold.
 * @param urlOption where the node's URL can be given instead
 */
export function loadHomeConfig(source: LoadConfigOptions, urlOption = '--url'): Config {
  const { configFile } = homePaths(source.home, source);
  if (!existsSync(configFile)) {
    throw new UsageError(
      `There is no ${configFile} to tell the node's address and key. Give both with ${urlOption} and --key, or another --home.`,
    );
  }
  return loadConfig(source).config;
}

/** The URL of the node itself, not of a proxy in front of it; with TLS the name that its certificate is for. */
export function homeNodeUrl({ node }: Pick<Config, 'node'>, urlOption = '--url'): string {
  const isTls = node.tls.certFile !== '';
  if (isTls && node.publicUrl !== '') return node.publicUrl;
  if (node.listenPort === 0) {
    throw new UsageError(
      `node.listenPort is 0, so the port is another one at every start. Take it from the "listening" line of the node's log and give it with ${urlOption} http://127.0.0.1:PORT.`,
    );
  }
  return `${isTls ? 'https' : 'http'}://${reachable(node.listenAddress)}:${node.listenPort}`;
}

/** The URL of the admin port of this home's node. */
export function homeAdminUrl({ admin }: Pick<Config, 'admin'>): string {
  if (admin.listenPort === 0) {
    throw new UsageError(
      'admin.listenPort is 0, so the port is another one at every start. Take it from the "listening" line of the node\'s log (adminPort) and give it with --url http://127.0.0.1:PORT.',
    );
  }
  return `http://${reachable(admin.listenAddress)}:${admin.listenPort}`;
}

function reachable(listenAddress: string): string {
  const host = anyAddress[listenAddress] ?? listenAddress;
  return host.includes(':') ? `[${host}]` : host;
}

/** A node that listens everywhere is reached over loopback. */
const anyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
