/** A home folder for one demo: the configuration of a node on a local chain, and the keys of all who take part. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeKeyFile } from '#src/keys/keyFile.js';
import { generatePrivateKey, type NodeKey } from '#src/keys/nodeKey.js';
import { homePaths } from '#src/lib/homePaths.js';

export interface DemoHome {
  readonly path: string;
  /** The node's own key, and so the owner of its provider. */
  readonly provider: NodeKey;
  readonly gateway: NodeKey;
  readonly gatewayKeyFile: string;
  readonly scheduler: NodeKey;
}

export async function createDemoHome(): Promise<DemoHome> {
  const path = await mkdtemp(join(tmpdir(), 'fxn-demo-'));
  const paths = homePaths(path);
  const [provider, gateway, scheduler] = await Promise.all(
    [paths.keyFile(), paths.keyFile('gateway'), paths.keyFile('scheduler')].map((file) =>
      writeKeyFile(file, generatePrivateKey()),
    ),
  );
  return {
    path,
    provider: provider!,
    gateway: gateway!,
    gatewayKeyFile: paths.keyFile('gateway'),
    scheduler: scheduler!,
  };
}

export interface DemoConfig {
  readonly port: number;
  readonly rpcUrl: string;
  readonly routerAddress: string;
  readonly backendUrl: string;
  readonly model: string;
}

export async function writeDemoConfig(home: DemoHome, demo: DemoConfig): Promise<void> {
  const paths = homePaths(home.path);
  const config = {
    // Ends soon after Ctrl-C even while an answer streams.
    node: { listenPort: demo.port, drainTimeout: '2s' },
    admin: { listenPort: 0 },
    rpcProvider: demo.rpcUrl,
    schedulerAddress: home.scheduler.checksumAddress,
    registry: {
      routerSmartContractAddress: demo.routerAddress,
      requireRegistration: 'refuse',
      gateway: { pollInterval: '1s' },
      provider: { pollInterval: '1s' },
    },
  };
  const modelBackends = {
    models: [
      { name: demo.model, fxnId: '2', backends: [{ url: demo.backendUrl, backendProvider: 'custom' }] },
    ],
    default: demo.model,
  };
  await writeFile(paths.configFile, stringify(config), { mode: 0o600 });
  await writeFile(paths.modelBackendFile, stringify(modelBackends), { mode: 0o600 });
}

/** A port that nobody listened on a moment ago: the commands that the demo prints need it in the configuration. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
