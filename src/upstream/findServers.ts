/**
 * Looks for inference servers where they usually listen, and says what an address holds. Nothing is asked that costs a
 * token. Runs in the command line.
 */
import { isRecord } from '../lib/unknownJson.js';
import { askBackend } from './askBackend.js';
import { type BackendKind, modelListPath, namesIn } from './backendKind.js';
import { BackendCheck } from './checkBackend.js';

export interface FoundServer {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly kind: BackendKind;
  /** As the server calls them; `undefined` when it does not tell. */
  readonly models: readonly string[] | undefined;
}

export type ServerLook =
  | { readonly kind: 'server'; readonly server: FoundServer }
  /** Something answers there and wants credentials first. */
  | { readonly kind: 'refused'; readonly url: string }
  /** Another node of this network. */
  | { readonly kind: 'node'; readonly url: string }
  /** Nothing answers, or no inference server. */
  | { readonly kind: 'nothing'; readonly url: string };

export interface LookOptions {
  readonly url: string;
  readonly deadlineMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Helps with servers that do not name themselves. */
  readonly expected?: BackendKind;
}

/** Where each kind listens unless told, and where a second one beside it mostly does. */
const usualPorts: readonly (readonly [port: number, expected: BackendKind])[] = [
  [8000, 'vllm'],
  [8001, 'vllm'],
  [30000, 'sglang'],
  [30001, 'sglang'],
  [11434, 'ollama'],
  [8080, 'llamacpp'],
  [8081, 'llamacpp'],
  [3000, 'tgi'],
  [80, 'tgi'],
  // LM Studio and text-generation-webui, which speak OpenAI's protocol.
  [1234, 'custom'],
  [5000, 'custom'],
];

/** @param hosts names or addresses, IPv6 in brackets; all their ports are asked at once */
export async function findServers(hosts: readonly string[], deadlineMs: number): Promise<ServerLook[]> {
  const looks = hosts.flatMap((host) =>
    usualPorts.map(([port, expected]) => lookAt({ url: `http://${host}:${port}`, deadlineMs, expected })),
  );
  return Promise.all(looks);
}

/** Never rejects. */
export async function lookAt(options: LookOptions): Promise<ServerLook> {
  const { url, deadlineMs, headers = {}, expected = 'custom' } = options;
  const signal = AbortSignal.timeout(deadlineMs);
  const list = await askBackend({ url, path: modelListPath, headers, signal });
  if (list === undefined) return { kind: 'nothing', url };
  if (list.status === 401 || list.status === 403) return { kind: 'refused', url };
  if (isOwnList(list.json)) return { kind: 'node', url };
  const check = new BackendCheck({ url, headers, expected });
  await check.run(deadlineMs);
  const models = check.modelNames ?? namesIn(list.json);
  const kind = check.kind ?? 'custom';
  // Other web servers answer too, and list no models.
  if (models === undefined && kind === 'custom') return { kind: 'nothing', url };
  return { kind: 'server', server: { url, kind, models } };
}

/** A node that lists its models without a signature must not become its own backend. */
function isOwnList(json: unknown): boolean {
  const entries = isRecord(json) ? json['data'] : undefined;
  return Array.isArray(entries) && entries.some((entry) => isRecord(entry) && entry['owned_by'] === 'fxn');
}
