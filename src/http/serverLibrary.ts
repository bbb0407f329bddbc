/** Whether the HTTP server's library can be loaded on this machine, and which it is. Runs in the command line. */
import { packageVersion } from '../lib/packageVersion.js';

export interface ServerLibrary {
  readonly version: string;
}

/** Throws what loading the binary throws. */
export async function loadServerLibrary(): Promise<ServerLibrary> {
  await import('uWebSockets.js');
  return { version: packageVersion(import.meta.resolve('uWebSockets.js')) };
}
