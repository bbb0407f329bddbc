/**
 * Third step of the build: compiles the AssemblyScript sources `src/<area>/assembly/<name>.ts` to
 * `dist/wasm/<name>.wasm`. They are written in TypeScript's syntax but are another language, so the TypeScript
 * compiler and the linter leave them alone. What did not change is not compiled again.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

const outDir = 'dist/wasm';
mkdirSync(outDir, { recursive: true });

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => /[\\/]assembly[\\/][^\\/]+\.ts$/.test(path))
  .map((path) => join('src', path));

const changedAtMs = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

for (const source of sources) {
  const target = join(outDir, `${basename(source, '.ts')}.wasm`);
  if (changedAtMs(target) > Math.max(changedAtMs(source), changedAtMs('config/assemble.mjs'))) continue;
  // Loaded only when there is work: it takes half a second.
  const { default: asc } = await import('assemblyscript/asc');
  const { error, stderr } = await asc.main([
    source,
    '--outFile',
    target,
    '-O3',
    // Memory is the caller's: no allocator, no collector, nothing exported but functions.
    '--runtime',
    'stub',
    '--importMemory',
    '--noAssert',
    '--enable',
    'simd',
  ]);
  if (error) {
    process.stderr.write(`${source}: ${stderr.toString()}\n`);
    process.exit(1);
  }
}
