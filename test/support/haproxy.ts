/** HAProxy with the configuration that the project ships, in front of two nodes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './bypassNode.js';
import { endWithTests } from './endWithTests.js';
import { freePort } from './redisServer.js';
import type { TestNode } from './testNode.js';

export interface Haproxy {
  readonly port: number;
  close(): Promise<void>;
}

const shipped = fileURLToPath(new URL('../../../config/fleet/haproxy.cfg', import.meta.url));

export async function startHaproxy([a, b]: readonly [TestNode, TestNode]): Promise<Haproxy> {
  const port = await freePort();
  const child = spawn('haproxy', ['-f', shipped], {
    stdio: 'ignore',
    env: {
      ...process.env,
      FXN_BIND: `127.0.0.1:${port}`,
      FXN_NODE_A: `127.0.0.1:${a.port}`,
      FXN_NODE_A_ADMIN: String(a.adminPort),
      FXN_NODE_B: `127.0.0.1:${b.port}`,
      FXN_NODE_B_ADMIN: String(b.adminPort),
    },
  });
  endWithTests(child);
  let isOver = false;
  const ended = once(child, 'close').then(() => {
    isOver = true;
  });
  // Its servers count as up until a check fails, so one answer is enough.
  await eventually(
    () =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 200 || isOver,
  );
  if (isOver) throw new Error('haproxy did not start');
  return {
    port,
    async close() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
