/**
 * A node that asks nobody for a signature, for tests of what lies behind authentication. Its RPC endpoint does
 * not exist: with authentication bypassed, the proxy needs no chain.
 */
import { startTestNode, type TestNode, type TestNodeOptions } from './testNode.js';

export interface BypassNodeOptions
  extends Omit<TestNodeOptions, 'rpcUrls' | 'router' | 'chainId' | 'pastReplayMark'> {
  readonly rpcUrls?: readonly string[];
}

const nobodysRouter = '0x0000000000000000000000000000000000000001';
const nobodysRpc = 'http://127.0.0.1:9';

export function startBypassNode(options: BypassNodeOptions): Promise<TestNode> {
  const { registry = {}, ...config } = options.config ?? {};
  return startTestNode({
    rpcUrls: [nobodysRpc],
    ...options,
    router: nobodysRouter,
    pastReplayMark: false,
    config: { ...config, registry: { bypassAuth: true, ...(registry as object) } },
  });
}

/** Waits until a reading is as wished; the last reading is in the message of the error. */
export async function eventually<Reading>(
  read: () => Reading | Promise<Reading>,
  isWished: (reading: Reading) => boolean,
  timeoutMs = 60_000,
): Promise<Reading> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const reading = await read();
    if (isWished(reading)) return reading;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(reading)} after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
