/** What `fxn init` tells: what it found, and what the operator does next. Runs in the command line. */
import type { Config } from '../../config/config.js';
import type { GpuSample } from '../../lib/gpuStat.js';
import { resolveHome } from '../../lib/homePaths.js';
import type { ServerLook } from '../../upstream/findServers.js';
import { durationWords } from '../answerSummary.js';
import { ageS } from './chooseRpc.js';
import type { ProbedUrl, Surroundings } from './lookAround.js';

export function surroundingsText({ servers, gpus, rpcs }: Surroundings): string {
  return [
    'Inference servers',
    ...indented(servers.flatMap(serverLine), 'none found'),
    'GPUs',
    ...indented(gpuLines(gpus), 'none found'),
    ...(rpcs.length === 0 ? [] : ['RPC endpoints', ...indented(rpcs.map(rpcLine), '')]),
  ].join('\n');
}

const indented = (lines: readonly string[], otherwise: string): string[] =>
  (lines.length === 0 ? [otherwise] : lines).map((line) => `  ${line}`);

const shownModels = 6;

function serverLine(look: ServerLook): string[] {
  switch (look.kind) {
    case 'nothing':
      return [];
    case 'refused':
      return [
        `${look.url}  asks for credentials: if it is an inference server, name it with --model NAME=URL`,
      ];
    case 'node':
      return [`${look.url}  a node of this network`];
    case 'server': {
      const { url, kind, models = [] } = look.server;
      const more = models.length > shownModels ? ` and ${models.length - shownModels} more` : '';
      const names =
        models.length === 0 ? 'lists no model' : `${models.slice(0, shownModels).join(', ')}${more}`;
      return [`${url}  ${kind}  ${names}`];
    }
  }
}

const gpuLines = (sample: GpuSample | undefined): string[] =>
  (sample?.stats ?? []).map(({ name, vram_total_mb }) =>
    [name ?? 'unknown GPU', ...(vram_total_mb === null ? [] : [`${vram_total_mb} MB`])].join(', '),
  );

function rpcLine({ probe }: ProbedUrl): string {
  if (probe.kind === 'failed') return `${probe.label}  ${probe.reason}`;
  const { label, chainId, blockNumber, latencyMs } = probe;
  return `${label}  chain ${chainId}, block ${blockNumber}, ${ageS(probe)} s old, answered in ${durationWords(latencyMs)}`;
}

export interface NextSteps {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `undefined` where the key file does not state it. */
  readonly address: string | undefined;
  readonly config: Config;
  readonly models: readonly string[];
}

export function nextSteps({ home, env, address, config, models }: NextSteps): string {
  const flag = home === resolveHome(undefined, env) ? '' : ` --home ${quoted(home)}`;
  const { owner } = config.registry;
  const { publicUrl, listenAddress, listenPort } = config.node;
  const provider = owner || address || 'the address that "fxn accounts get" shows';
  const reach =
    publicUrl === '' && isLoopback(listenAddress)
      ? [
          `  Gateways cannot reach ${listenAddress}:${listenPort} from outside: set node.publicUrl to the TLS proxy in front of it, or node.listenAddress to "0.0.0.0".`,
        ]
      : [];
  return [
    '',
    `Serves ${models.join(', ')}. Next:`,
    `  fxn start${flag}`,
    `  fxn provider register${flag}   registers ${provider} on chain ${config.chainId}; needs its stake and ETH for fees`,
    ...reach,
    `  fxn doctor${flag}   says what is still missing`,
  ].join('\n');
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.');

/** For a shell. */
const quoted = (text: string): string =>
  /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
