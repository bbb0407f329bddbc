/**
 * Second step of the build: joins the modules that `tsc` wrote, and the libraries they use, into few files per
 * entry point. A start loads four threads' worth of modules, and finding and compiling two thousand small files
 * took longer than everything else together; bench/start.ts shows the difference.
 */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
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
await bundlePage();

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

/**
 * The console's page, for browsers: a few files whose names carry a hash, and the HTML that names them. It asks no other
 * host for anything.
 */
async function bundlePage() {
  const source = 'src/console/web';
  const outdir = 'dist/console';
  rmSync(outdir, { recursive: true, force: true });
  const shared = {
    outdir,
    bundle: true,
    minify: true,
    entryNames: '[name]-[hash]',
    target: ['chrome111', 'firefox114', 'safari16.4'],
    metafile: true,
    logLevel: 'warning',
  };
  const entries = [`${modules}/console/web/main.js`, `${source}/page.css`];
  const built = [
    await build({ ...shared, entryPoints: entries, format: 'esm' }),
    // Runs before the page is drawn, which a module cannot.
    await build({ ...shared, entryPoints: [`${modules}/console/web/theme.js`], format: 'iife' }),
  ];
  let html = readFileSync(`${source}/index.html`, 'utf8');
  for (const { outputs } of built.map(({ metafile }) => metafile)) {
    for (const [path, { entryPoint }] of Object.entries(outputs)) {
      html = html.replace(`/console/${basename(entryPoint)}"`, `/console/${basename(path)}"`);
    }
  }
  writeFileSync(`${outdir}/index.html`, html);
  copyFileSync(`${source}/icon.svg`, `${outdir}/icon.svg`);
}
