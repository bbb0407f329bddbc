/** What a running node holds on to once its garbage is collected. For nodes started with `crashingMain.ts`. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './bypassNode.js';
import { collectedFile, type HeldBytes } from './collectGarbage.js';
import { orderFile } from './frontOrders.js';
import { residentBytes } from './processResources.js';

export interface HeldByNode {
  /** Of main and all fronts together. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Of the process; moves by megabytes with what the allocators keep for later. */
  readonly residentBytes: number;
}

export interface CollectingNode {
  readonly pid: number;
  readonly fronts: number;
  /** The node's `FXN_TEST_COMMANDS`. */
  readonly commands: string;
}

export async function measureHeld({ pid, fronts, commands }: CollectingNode): Promise<HeldByNode> {
  const indices = Array.from({ length: fronts }, (_, index) => index);
  const files = ['main', ...indices.map((index) => `front-${index}`)].map((thread) =>
    join(commands, collectedFile(thread)),
  );
  for (const file of files) rmSync(file, { force: true });
  for (const front of indices) writeFileSync(join(commands, orderFile({ front, command: 'collect' })), '');
  let [heapBytes, externalBytes] = [0, 0];
  for (const file of files) {
    await eventually(
      () => existsSync(file),
      (isThere) => isThere,
    );
    const held = JSON.parse(readFileSync(file, 'utf8')) as HeldBytes;
    heapBytes += held.heap;
    externalBytes += held.external;
  }
  return { heapBytes, externalBytes, residentBytes: residentBytes(pid) };
}
