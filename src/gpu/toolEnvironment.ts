/** The environment of a vendor's tool, whose words and numbers are read. Runs in main and the command line. */
import { delimiter } from 'node:path';
import { nativeEnvironment } from '../lib/nativeEnvironment.js';

/** Where vendors install tools without putting the folder on everybody's PATH. */
const vendorFolders =
  process.platform === 'win32' ? [] : ['/usr/bin', '/usr/sbin', '/opt/rocm/bin', '/usr/lib/wsl/lib'];

export function toolEnvironment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const path = [own['PATH'] ?? '', ...vendorFolders].filter(Boolean).join(delimiter);
  // Messages and decimal points in one language.
  return { ...nativeEnvironment(own), LC_ALL: 'C', PATH: path };
}
