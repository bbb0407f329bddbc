/**
 * The rules between keys of `config.yaml`: what no single value shows to be wrong. A rule stays silent when one
 * of the values it compares could not be read; that is reported already.
 */
import { isIPv4 } from 'node:net';
import { formatDuration } from '../lib/duration.js';
import type { Environment } from './substituteEnv.js';
import type { TreeReader } from './treeReader.js';

/** uvicorn closes an idle connection after 5 s; one that we keep longer is reset under a request. */
const uvicornIdleMs = 5_000;

/** Reports problems and warnings on the tree. */
export function checkConfigRules(tree: TreeReader, env: Environment): void {
  const number = (path: string): number | undefined => {
    const value = tree.at(path);
    return typeof value === 'number' ? value : undefined;
  };
  const text = (path: string): string | undefined => {
    const value = tree.at(path);
    return typeof value === 'string' ? value : undefined;
  };
  /** Where the operator can mend it: the first of the paths that the file gives. */
  const blame = (...paths: [string, ...string[]]): string =>
    paths.find((path) => tree.isGiven(path)) ?? paths[0];

  const ttlMs = number('nonceCache.ttl');
  const maxAgeMs = number('auth.maxAge');
  const maxSkewMs = number('auth.maxSkew');
  if (
    ttlMs !== undefined &&
    maxAgeMs !== undefined &&
    maxSkewMs !== undefined &&
    ttlMs <= maxAgeMs + maxSkewMs
  ) {
    const least = formatDuration(maxAgeMs + maxSkewMs);
    tree.report(
      blame('nonceCache.ttl', 'auth.maxAge', 'auth.maxSkew'),
      `expected nonceCache.ttl above auth.maxAge + auth.maxSkew (${least}), found ${formatDuration(ttlMs)}`,
    );
  }

  if (tree.at('nonceCache.store') === 'redis' && text('nonceCache.redisUrl') === '') {
    const path = blame('nonceCache.redisUrl', 'nonceCache.store');
    tree.report(path, 'expected nonceCache.redisUrl with the store "redis", such as "redis://host:6379"');
  }

  const schemes = tree.at('auth.schemes');
  if (Array.isArray(schemes) && schemes.includes('session') && !schemes.includes('rfc9421')) {
    tree.report(
      'auth.schemes',
      'expected "rfc9421" beside "session", since a session is made by a request signed that way, found none',
    );
  }

  const listenAddress = text('node.listenAddress');
  const bypassAllowed = env['FXN_ALLOW_BYPASS'] === '1';
  if (tree.at('registry.bypassAuth') === true && listenAddress !== undefined && !isLoopback(listenAddress)) {
    const message = `expected false, or a loopback node.listenAddress, or FXN_ALLOW_BYPASS=1, found true on ${listenAddress}`;
    if (!bypassAllowed) tree.report('registry.bypassAuth', message);
  }

  for (const key of ['requestsPerSecond', 'concurrentStreams', 'tokensPerMinute'] as const) {
    const limit = number(`limits.${key}`);
    if (tree.at('registry.bypassAuth') !== true || limit === undefined || limit === 0) continue;
    tree.warn(`limits.${key}`, 'limits nobody while registry.bypassAuth is true, since no caller is known');
  }

  const certFile = text('node.tls.certFile');
  const keyFile = text('node.tls.keyFile');
  if (certFile !== undefined && keyFile !== undefined && (certFile === '') !== (keyFile === '')) {
    const missing = certFile === '' ? 'node.tls.certFile' : 'node.tls.keyFile';
    tree.report(
      missing,
      'expected both node.tls.certFile and node.tls.keyFile or neither, found only the other',
    );
  }

  const nodePort = number('node.listenPort');
  const adminAddress = text('admin.listenAddress');
  if (nodePort !== undefined && nodePort !== 0 && nodePort === number('admin.listenPort')) {
    if (listenAddress !== undefined && adminAddress !== undefined && overlap(listenAddress, adminAddress)) {
      const path = blame('admin.listenPort', 'node.listenPort');
      tree.report(path, `expected different ports in node and admin, found ${nodePort} in both`);
    }
  }

  const idleConnMs = number('proxy.idleConnTimeout');
  if (idleConnMs !== undefined && (idleConnMs >= uvicornIdleMs || idleConnMs === 0)) {
    tree.warn(
      'proxy.idleConnTimeout',
      `${formatDuration(idleConnMs)} keeps idle connections longer than uvicorn (vLLM, SGLang) does, which closes them after 5s; a request on a closed one fails. "4s" is safe`,
    );
  }

  const maxStalenessMs = number('registry.maxStaleness');
  for (const name of ['gateway', 'provider'] as const) {
    const path = `registry.${name}.pollInterval`;
    const pollIntervalMs = number(path);
    if (pollIntervalMs === undefined || maxStalenessMs === undefined || pollIntervalMs < maxStalenessMs)
      continue;
    tree.warn(
      blame(path, 'registry.maxStaleness'),
      `${formatDuration(pollIntervalMs)} is not below registry.maxStaleness (${formatDuration(maxStalenessMs)}): callers are refused between two polls`,
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Whether two listeners on one port would collide. */
function overlap(left: string, right: string): boolean {
  const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return left === right || isWildcard(left) || isWildcard(right);
}
