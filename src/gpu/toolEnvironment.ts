/**
 * The environment of a vendor's tool: what it needs to find its libraries and devices, and nothing of the node's own
 * variables, which may hold passwords. Runs in main.
 */
import { delimiter } from 'node:path';

const passedOn = [
  'HOME',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'ROCM_PATH',
  'SystemRoot',
  'ProgramFiles',
  'TEMP',
];

/** Where vendors install tools without putting the folder on everybody's PATH. */
const vendorFolders =
  process.platform === 'win32' ? [] : ['/usr/bin', '/usr/sbin', '/opt/rocm/bin', '/usr/lib/wsl/lib'];

export function toolEnvironment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  // Messages and decimal points are read.
  const environment: NodeJS.ProcessEnv = { LC_ALL: 'C' };
  for (const name of passedOn) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  environment['PATH'] = [own['PATH'] ?? '', ...vendorFolders].filter(Boolean).join(delimiter);
  return environment;
}
