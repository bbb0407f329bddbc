/**
 * Opens a small WASM kernel with one page of memory, which it keeps for good. Runs wherever one is used; each thread
 * opens its own.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Node has it; its types are the browser's. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: unknown };
};

export interface WasmInstance<Exports> {
  readonly exports: Exports;
  /** 64 KiB; it never moves. */
  readonly memory: ArrayBuffer;
}

/** @param name of the file in `dist/wasm` */
export function openWasmInstance<Exports>(name: string): WasmInstance<Exports> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const path = fileURLToPath(import.meta.resolve(`#dist/wasm/${name}.wasm`));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {
    env: { memory },
  });
  return { exports: exports as Exports, memory: memory.buffer };
}
