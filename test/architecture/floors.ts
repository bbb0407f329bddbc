/**
 * The architecture as data: which folder stands on which floor, and which folder owns which outside library.
 * An area is a folder or a file; the files of one area may import each other, areas of one floor may not.
 */

export interface Area {
  readonly floor: number;
  /** Folders end in `/`; everything else is one file. */
  readonly paths: readonly string[];
}

export const areas: Readonly<Record<string, Area>> = {
  // The program's entry starts the command `start`, so the two are one area.
  'entry points': { floor: 6, paths: ['src/main.ts', 'src/cli/'] },
  'front thread': { floor: 6, paths: ['workers/front.ts'] },
  'registry thread': { floor: 6, paths: ['workers/registry.ts'] },
  'compute thread': { floor: 6, paths: ['workers/compute.ts'] },
  // A process, not a thread: native GPU libraries live and die in it.
  'GPU host': { floor: 6, paths: ['workers/gpuHost.ts'] },
  // Another process, for reading figures: what it calls may hang while the GPU host works.
  'GPU telemetry': { floor: 6, paths: ['workers/gpuTelemetry.ts'] },

  // What the node is made of: it starts the admin listener and knows the fronts by their types.
  'composition roots': {
    floor: 5,
    paths: ['src/node.ts', 'src/node/', 'src/front.ts', 'src/front/', 'src/admin.ts'],
  },

  // What looks at everything else, for `fxn doctor`.
  doctor: { floor: 5, paths: ['src/doctor/'] },

  openai: { floor: 4, paths: ['src/openai/'] },
  challenge: { floor: 4, paths: ['src/challenge/'] },
  // What runs in the operator's browser; of the rest of the program it knows types only.
  'console page': { floor: 5, paths: ['src/console/web/'] },
  console: { floor: 4, paths: ['src/console/'] },
  offers: { floor: 4, paths: ['src/offers/'] },
  // What the owner of a provider does on the chain.
  provider: { floor: 4, paths: ['src/provider/'] },
  // What the node tells its operator by itself.
  alerts: { floor: 4, paths: ['src/alerts/'] },
  // The other side of a challenge: what a scheduler runs.
  verifier: { floor: 4, paths: ['src/verifier/'] },

  auth: { floor: 3, paths: ['src/auth/'] },
  registry: { floor: 3, paths: ['src/registry/'] },
  compute: { floor: 3, paths: ['src/compute/'] },
  gpu: { floor: 3, paths: ['src/gpu/'] },
  keys: { floor: 3, paths: ['src/keys/'] },
  limits: { floor: 3, paths: ['src/limits/'] },

  http: { floor: 2, paths: ['src/http/'] },
  upstream: { floor: 2, paths: ['src/upstream/'] },
  // Guarded requests to addresses that strangers name.
  egress: { floor: 2, paths: ['src/egress/'] },
  contracts: { floor: 2, paths: ['src/contracts/'] },
  shm: { floor: 2, paths: ['src/shm/'] },
  storage: { floor: 2, paths: ['src/storage/'] },
  redis: { floor: 2, paths: ['src/redis/'] },
  // The protocol of the verifiable matrix multiplication, spoken by the node and by its verifier.
  proof: { floor: 2, paths: ['src/proof/'] },

  config: { floor: 1, paths: ['src/config/'] },
  logger: { floor: 1, paths: ['src/logger/'] },
  metrics: { floor: 1, paths: ['src/metrics/'] },
  threads: { floor: 1, paths: ['src/threads/'] },
  tracing: { floor: 1, paths: ['src/tracing/'] },

  errors: { floor: 0, paths: ['src/errors/'] },
  lib: { floor: 0, paths: ['src/lib/'] },
  abis: { floor: 0, paths: ['abis/'] },
};

/** Folders and files that may import an outside library; `everywhere` for pure code without a resource behind it. */
export const owners: Readonly<Record<string, readonly string[] | 'everywhere'>> = {
  'uWebSockets.js': ['src/http/'],
  viem: ['src/contracts/', 'abis/'],
  secp256k1: ['src/auth/', 'src/keys/'],
  '@noble/curves': ['src/auth/', 'src/keys/'],
  'structured-headers': ['src/auth/'],
  piscina: ['src/compute/'],
  webgpu: ['src/compute/'],
  'gpu.js': ['src/compute/'],
  koffi: ['src/compute/', 'src/gpu/', 'src/threads/'],
  systeminformation: ['src/gpu/'],
  '@redis/client': ['src/redis/'],
  pino: ['src/logger/'],
  'prom-client': ['src/metrics/'],
  '@opentelemetry/api': ['src/tracing/'],
  '@opentelemetry/exporter-trace-otlp-http': ['src/tracing/'],
  '@opentelemetry/resources': ['src/tracing/'],
  '@opentelemetry/sdk-trace-base': ['src/tracing/'],
  yaml: ['src/config/'],
  yargs: ['src/cli/'],
  preact: ['src/console/web/'],
  uplot: ['src/console/web/'],
  // Schemas stand on any floor; validators are compiled in `config`.
  typebox: 'everywhere',
  'typebox/compile': ['src/config/'],
  'lru-cache': 'everywhere',
  '@noble/hashes': 'everywhere',
};

/** What stands at the top of the repository, beside dot files and what .gitignore names. */
export const topLevel: readonly string[] = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'abis',
  'bench',
  'config',
  'package-lock.json',
  'package.json',
  'src',
  'test',
  'tsconfig.json',
  'workers',
];
