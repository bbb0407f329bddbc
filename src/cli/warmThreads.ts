/**
 * Starts the registry thread and the first front before the command line's own modules are loaded, so that they
 * load theirs at the same time. Runs in main, first thing of a start.
 */

import type { WarmThreads } from '../node.js';
import { warmThread } from '../threads/warmThread.js';

export function warmThreads(): WarmThreads {
  // Read by the HTTP server's library when its binary is loaded; its default of 4 KB is less than agents send.
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '16384';
  return {
    registry: warmThread(new URL(import.meta.resolve('#workers/registry.js')), 'registry'),
    front: warmThread(new URL(import.meta.resolve('#workers/front.js')), 'front-0'),
  };
}
