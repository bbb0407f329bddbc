/** The clock of a node under test, set by the test; see `clockFromFile.ts`. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface NodeClock {
  /** What the node must be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops the node's clock at that second. */
  stopAt(unixSeconds: number): void;
  remove(): void;
}

export function createNodeClock(): NodeClock {
  const folder = mkdtempSync(join(tmpdir(), 'fxn-clock-'));
  const file = join(folder, 'now');
  const next = join(folder, 'next');
  writeFileSync(file, '');
  return {
    env: {
      NODE_OPTIONS: `--import=${import.meta.resolve('./clockFromFile.js')}`,
      FXN_TEST_CLOCK_FILE: file,
    },
    stopAt(unixSeconds) {
      // By rename, so that no thread ever reads half a number.
      writeFileSync(next, `${unixSeconds}000`);
      renameSync(next, file);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
