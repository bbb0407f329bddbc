/** Where the node keeps its files: the home folder and the names inside it. Runs on the main thread and in the commands. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface HomePaths {
  /** Absolute. */
  readonly home: string;
  readonly configFile: string;
  readonly modelBackendFile: string;
  /** `nodekey.json`, or `keys/<name>.json`; a name must satisfy `isKeyName`. */
  keyFile(name?: string): string;
  /** Folder of the named keys. */
  readonly keysFolder: string;
  /** Largest timestamp (Unix seconds) ever accepted ahead of the clock; survives restarts. */
  readonly replayMarkFile: string;
  /** From which second (Unix) on a store shared with other nodes knows this node's requests; absent without one. */
  readonly sharedStoreFile: string;
  /** Held by the running node. */
  readonly lockFile: string;
  /** Transactions of a `fxn provider` command that is not finished; absent otherwise. */
  readonly providerJournalFile: string;
  /** Held by the `fxn provider` command that sends. */
  readonly providerLockFile: string;
  /** What opens the web console; written when it is first asked for. */
  readonly consoleTokenFile: string;
  /** Last good registry snapshots, for a restart while every RPC is down. */
  readonly snapshotsFolder: string;
}

/** `--home`, else `FXN_HOME`, else `~/.fxn`; absolute. */
export function resolveHome(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const chosen = flag || env['FXN_HOME'];
  return chosen ? resolve(chosen) : join(env['HOME'] || homedir(), '.fxn');
}

/** Whether a key may be called so: it becomes a file name, so nothing that leaves the folder or hides. */
export function isKeyName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

export interface FileOverrides {
  /** `--config`, relative to the working directory. */
  readonly configFile?: string | undefined;
  /** `--model-backend`, relative to the working directory. */
  readonly modelBackendFile?: string | undefined;
}

export function homePaths(home: string, overrides: FileOverrides = {}): HomePaths {
  const root = resolve(home);
  const keysFolder = join(root, 'keys');
  return Object.freeze({
    home: root,
    configFile: overrides.configFile ? resolve(overrides.configFile) : join(root, 'config.yaml'),
    modelBackendFile: overrides.modelBackendFile
      ? resolve(overrides.modelBackendFile)
      : join(root, 'model_backend.yaml'),
    keyFile(name?: string): string {
      if (name === undefined) return join(root, 'nodekey.json');
      if (!isKeyName(name)) throw new RangeError('not a key name: letters, digits, ".", "_" and "-" only');
      return join(keysFolder, `${name}.json`);
    },
    keysFolder,
    replayMarkFile: join(root, 'replay-mark'),
    sharedStoreFile: join(root, 'shared-store'),
    lockFile: join(root, 'node.lock'),
    providerJournalFile: join(root, 'provider-journal.json'),
    providerLockFile: join(root, 'provider.lock'),
    consoleTokenFile: join(root, 'console-token'),
    snapshotsFolder: join(root, 'snapshots'),
  });
}
