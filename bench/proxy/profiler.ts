/**
 * Records where a node spends its time while it is under load: each of its threads profiles itself when told, and the
 * profiles come back as flame graphs. Works through `--import`, so the node itself knows nothing of it.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arm } from './arms.js';
import { type CpuProfile, drawFlameGraph } from './flameGraph.js';
import { lastingFolder } from './stage.js';

export interface Profiler {
  /** For the node that may be recorded. */
  readonly environment: Readonly<Record<string, string>>;
  begin(arm: Arm): Promise<Recording>;
}

export interface Recording {
  /** Writes one graph per thread and says where. */
  end(title: string): Promise<void>;
}

/** The threads look ten times a second, and beginning a profile stops one for about a second. */
const beginMs = 2_500;
const endMs = 1_500;

export function createProfiler(): Profiler {
  const folder = mkdtempSync(join(lastingFolder, 'fxn-profiles-'));
  const orders = join(folder, 'orders');
  mkdirSync(orders);
  return {
    environment: {
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${new URL('./profileThread.js', import.meta.url).href}`,
      FXN_BENCH_ORDERS: orders,
    },
    async begin({ pid }) {
      const order = join(orders, `${pid}.record`);
      writeFileSync(order, '');
      await sleep(beginMs);
      return {
        async end(title) {
          rmSync(order);
          await sleep(endMs);
          for (const name of readdirSync(orders).filter((file) => file.endsWith('.cpuprofile'))) {
            const from = join(orders, name);
            const profile = JSON.parse(readFileSync(from, 'utf8')) as CpuProfile;
            const to = join(folder, `${title.replaceAll(/[^\w]+/g, '-')}.${name.replace('.cpuprofile', '')}`);
            writeFileSync(`${to}.cpuprofile`, JSON.stringify(profile));
            writeFileSync(`${to}.svg`, drawFlameGraph(profile, `${title}, ${name}`));
            rmSync(from);
            console.error(`flame graph: ${to}.svg`);
          }
        },
      };
    },
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
