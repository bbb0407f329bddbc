/** The version of this package, read from the `package.json` above the running file. Runs in the command line and on the fronts. */
import { existsSync, readFileSync } from 'node:fs';

/** @param from where to start looking, a file URL */
export function packageVersion(from: string): string {
  for (let folder = new URL('.', from); ; folder = new URL('..', folder)) {
    const file = new URL('package.json', folder);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    if (folder.pathname === '/') throw new Error('no package.json above the program');
  }
}
