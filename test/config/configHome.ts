/** A home folder with given configuration files, removed when the test ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ConfigError, type ConfigProblem } from '#src/config/configError.js';
import { type LoadedConfig, loadConfig } from '#src/config/loadConfig.js';

export const routerAddress = '0x7C8e239F9A26D7fd081Db72A2A23F4E9CA35E16b';
export const schedulerAddress = '0x0a7A1fF52515C24FAa17c13B916679926272ffc4';

/** The three keys that must be there; `registry` is left open so that a test can add to it. */
export const required = `rpcProvider: "https://rpc.example.com"
schedulerAddress: "${schedulerAddress}"
registry:
  routerSmartContractAddress: "${routerAddress}"
`;

export const oneModel = `models:
  - name: "m"
    backends:
      - url: "http://127.0.0.1:8000"
`;

export interface ConfigTexts {
  readonly config?: string | Uint8Array;
  readonly modelBackend?: string | Uint8Array;
}

export function emptyHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'fxn-config-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

export function writeHome(home: string, texts: ConfigTexts): void {
  writeFileSync(join(home, 'config.yaml'), texts.config ?? required);
  writeFileSync(join(home, 'model_backend.yaml'), texts.modelBackend ?? oneModel);
}

export type Env = Readonly<Record<string, string | undefined>>;

export function load(t: TestContext, texts: ConfigTexts, env: Env = {}): LoadedConfig {
  const home = emptyHome(t);
  writeHome(home, texts);
  return loadConfig({ home, env });
}

/** The problems that loading ends with; empty when it loads. */
export function problemsOf(t: TestContext, texts: ConfigTexts, env: Env = {}): readonly ConfigProblem[] {
  try {
    load(t, texts, env);
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
}

/** `line:column path` of each problem, in order. */
export const placesOf = (problems: readonly ConfigProblem[]): string[] =>
  problems.map(({ line, column, path }) => `${line}:${column} ${path}`);
