/**
 * Ends the process at once with an exit code, whatever its threads do. `process.exit` ends the other threads
 * first, and Node.js aborts (SIGABRT) on a front that could not close its own sockets. WASI's `proc_exit` is C's
 * `exit`, which asks no thread. Runs in main.
 */
import type { WASI } from 'node:wasi';

/** Node.js has it; its type comes with the browser's library only. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => object };

export function endProcess(exitCode: number): never {
  // Loaded here and not above, because loading it warns on standard error that WASI is experimental; the process
  // is gone before this warning is printed.
  const { WASI } = process.getBuiltinModule('node:wasi');
  const wasi: WASI = new WASI({ version: 'preview1', returnOnExit: false });
  wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } });
  (wasi.wasiImport as { proc_exit(code: number): void }).proc_exit(exitCode);
  process.exit(exitCode);
}
