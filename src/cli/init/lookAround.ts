/**
 * What `fxn init` finds out about this machine and the chain, everything at once and within its deadlines. Runs in the
 * command line.
 */
import { type Environment, substituteEnv } from '../../config/substituteEnv.js';
import { probeRpc, type RpcProbe } from '../../contracts/probeRpc.js';
import { sampleGpusOnce } from '../../gpu/sampleOnce.js';
import type { GpuSample } from '../../lib/gpuStat.js';
import { createLogger } from '../../logger/logger.js';
import { findServers, lookAt, type ServerLook } from '../../upstream/findServers.js';
import type { GivenModel } from './initOptions.js';

export interface LookAroundOptions {
  readonly hosts: readonly string[];
  /** Only these servers are asked when there are any. */
  readonly models: readonly GivenModel[];
  /** With references to the environment, which are looked up here. */
  readonly rpcUrls: readonly string[];
  readonly env: Environment;
  readonly signal: AbortSignal;
}

export interface Surroundings {
  readonly servers: readonly ServerLook[];
  readonly gpus: GpuSample | undefined;
  /** In the order of the URLs. */
  readonly rpcs: readonly ProbedUrl[];
}

export interface ProbedUrl {
  /** As given. */
  readonly url: string;
  readonly probe: RpcProbe;
}

const serverDeadlineMs = 2_000;
const rpcDeadlineMs = 5_000;
/** A tool that hangs is left behind by the sampler itself. */
const gpuPatienceMs = 15_000;

export async function lookAround(options: LookAroundOptions): Promise<Surroundings> {
  const { hosts, models, rpcUrls, env, signal } = options;
  const urls = [...new Set(models.map(({ url }) => url))];
  const broken = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const looking = Promise.all([
    urls.length > 0
      ? Promise.all(urls.map((url) => lookAt({ url, deadlineMs: serverDeadlineMs })))
      : findServers(hosts, serverDeadlineMs),
    sampleGpusOnce({
      log: createLogger({ level: 'silent', thread: 'main' }),
      patienceMs: gpuPatienceMs,
      signal,
    }),
    probeAll(rpcUrls, env, signal),
  ]);
  const [servers, gpus, rpcs] = await Promise.race([looking, broken]);
  return { servers, gpus, rpcs };
}

export function probeAll(
  urls: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<ProbedUrl[]> {
  return Promise.all(
    urls.map(async (url) => ({
      url,
      probe: await probeRpc({ url: substituteEnv(url, env).text, deadlineMs: rpcDeadlineMs, signal }),
    })),
  );
}
