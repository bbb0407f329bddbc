/**
 * Opens the WASM kernels: compiled once a thread, with a memory of their own each time. Runs in the compute
 * threads.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The part of the WebAssembly interface that is used; Node's types do not declare it. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly Memory: new (descriptor: { initial: number }) => WasmMemory;
}
const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;

const pageBytes = 65_536;
/** 32-bit addresses reach no further. */
const maxPages = 65_536;
const modules = new Map<string, object>();

export interface WasmKernel<Exports> {
  readonly exports: Exports;
  /**
   * The memory, at least this large; views made before it grew are dead.
   *
   * @throws where the machine has no more
   */
  reserve(bytes: number): ArrayBuffer;
}

/** @param name of the file in `dist/wasm` */
export function openKernel<Exports>(name: 'matmul' | 'matmulDouble'): WasmKernel<Exports> {
  let module = modules.get(name);
  if (module === undefined) {
    const path = fileURLToPath(import.meta.resolve(`#dist/wasm/${name}.wasm`));
    module = new wasm.Module(readFileSync(path));
    modules.set(name, module);
  }
  const memory = new wasm.Memory({ initial: 1 });
  const { exports } = new wasm.Instance(module, { env: { memory } });
  return {
    exports: exports as Exports,
    reserve(bytes) {
      const missing = Math.ceil(bytes / pageBytes) - memory.buffer.byteLength / pageBytes;
      if (missing > 0) {
        const reason = `the kernel needs ${bytes} bytes of WASM memory, which cannot be had`;
        if (!(bytes / pageBytes <= maxPages)) throw new RangeError(reason);
        try {
          memory.grow(missing);
        } catch (cause) {
          throw new RangeError(reason, { cause });
        }
      }
      return memory.buffer;
    },
  };
}
