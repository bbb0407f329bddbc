/**
 * Whether starting the GPU host could find anything: its process costs memory and half a second of CPU, and most
 * machines have neither a GPU nor OpenBLAS. Looks for files only. Runs in main.
 */
import { existsSync } from 'node:fs';

/** Made by the drivers of GPUs, in a virtual machine of Windows too. */
const deviceFiles = ['/dev/dri', '/dev/nvidiactl', '/dev/kfd', '/dev/dxg'];
/** Where distributions put it; elsewhere LD_LIBRARY_PATH tells. */
const libraryFolders = ['/usr/lib', '/usr/lib64', '/usr/local/lib', `/usr/lib/${linuxTriple()}`];
const libraryNames = ['libopenblas.so.0', 'libopenblas.so'];

export function mayHaveNativeEngines(env: NodeJS.ProcessEnv = process.env): boolean {
  if (process.platform !== 'linux') return true;
  const folders = [...libraryFolders, ...(env['LD_LIBRARY_PATH'] ?? '').split(':').filter(Boolean)];
  return (
    deviceFiles.some((file) => existsSync(file)) ||
    folders.some((folder) => libraryNames.some((name) => existsSync(`${folder}/${name}`)))
  );
}

function linuxTriple(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}
