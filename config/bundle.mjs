/**
 * Second step of the build: joins the modules that `tsc` wrote, and the libraries they use, into few files per
 * entry point. A start loads four threads' worth of modules, and finding and compiling two thousand small files
 * took longer than everything else together; bench/start.ts shows the difference.
 */
import { rmSync } from 'node:fs';
import { build } from 'esbuild';
import { leanLibraries } from './leanLibraries.mjs';

const modules = 'dist/modules';

// Their names carry a hash, so those of earlier builds would stay for ever.
rmSync('dist/chunks', { recursive: true, force: true });

const command = ['main', 'cli/fxn', 'cli/fxnKeys'];
// Each by itself: a thread or process shares no loaded code with the others, and what two of them share on disk
// would have to hold what either of them uses.
const workers = ['front', 'registry', 'compute', 'gpuHost', 'gpuTelemetry'].map((name) => [
  `workers/${name}`,
]);

for (const entries of [command, ...workers]) await bundle(entries);

async function bundle(entries) {
  await build({
    entryPoints: entries.map((name) => `${modules}/${name}.js`),
    outbase: modules,
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    plugins: [leanLibraries],
    // Native binaries are found beside their package, and a pool starts files of its own.
    external: ['uWebSockets.js', 'secp256k1', 'piscina', 'webgpu', 'gpu.js', 'koffi', '#workers/*'],
    // Libraries in CommonJS ask for Node's own modules this way.
    banner: {
      js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}
