/**
 * Ends the process at once with an exit code, whatever its threads do. `process.exit` ends the other threads first,
 * and Node.js aborts (SIGABRT) on a front that could not close its own sockets. `_exit` of the C library asks no thread
 * and runs no handler; `exit`, which WASI's `proc_exit` calls, stands in for it where koffi has no binary, but may
 * crash while other threads compute. Runs in main.
 */
import { createRequire } from 'node:module';
import type { WASI } from 'node:wasi';

/** Node.js has it; its type comes with the browser's library only. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => object };

export function endProcess(exitCode: number): never {
  exitWithoutHandlers(exitCode);
  // Loaded here and not above, because loading it warns on standard error that WASI is experimental; the process
  // is gone before this warning is printed.
  const { WASI } = process.getBuiltinModule('node:wasi');
  const wasi: WASI = new WASI({ version: 'preview1', returnOnExit: false });
  wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } });
  (wasi.wasiImport as { proc_exit(code: number): void }).proc_exit(exitCode);
  process.exit(exitCode);
}

/** Returns only where it cannot. */
function exitWithoutHandlers(exitCode: number): void {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    koffi.load(null).func('void _exit(int code)')(exitCode);
  } catch {
    // No binary for this platform, or no such function in its C library.
  }
}
