/** The admin port with what it shows: metrics, readiness and the console, which is loaded when it is first asked for. Runs in main. */
import { type Admin, startAdmin } from '../admin.js';
import type { Config } from '../config/config.js';
import type { ConsoleServer, ConsoleSource } from '../console/consoleServer.js';
import type { Logger } from '../logger/logger.js';
import type { MainMetrics, MeasuredThread } from './mainMetrics.js';
import type { NodeReadiness } from './nodeReadiness.js';

export interface AdminPortOptions {
  readonly config: Config;
  /** Holds what opens the console. */
  readonly tokenFile: string;
  readonly metrics: Pick<MainMetrics, 'render'>;
  /** Those that are measured beside main. */
  readonly threads: readonly MeasuredThread[];
  readonly readiness: Pick<NodeReadiness, 'now'>;
  readonly source: ConsoleSource;
  readonly log: Logger;
}

/** @throws NodeError `port_in_use` */
export async function startAdminPort(options: AdminPortOptions): Promise<Admin> {
  const { config, tokenFile, metrics, threads, readiness, source, log } = options;
  const { listenAddress, listenPort, hosts } = config.admin;
  const openConsole = async (): Promise<ConsoleServer> => {
    const { createConsoleServer } = await import('../console/consoleServer.js');
    return createConsoleServer({ source, tokenFile, hosts: [...hosts, listenAddress], log });
  };
  return await startAdmin({
    host: listenAddress,
    port: listenPort,
    renderMetrics: () => metrics.render(threads),
    readiness: readiness.now,
    openConsole: config.admin.console ? openConsole : undefined,
    log,
  });
}
