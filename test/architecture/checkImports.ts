/** Walks the imports of a source tree and names what breaks the architecture. Works on text alone. */
import { posix } from 'node:path';
import type { Area } from './floors.js';

export interface Architecture {
  readonly areas: Readonly<Record<string, Area>>;
  readonly owners: Readonly<Record<string, readonly string[] | 'everywhere'>>;
}

export type ViolationKind =
  | 'upward'
  | 'sibling'
  | 'cycle'
  | 'worker imported'
  | 'worker not named'
  | 'test imported'
  | 'library not owned'
  | 'library unknown'
  | 'no floor'
  | 'missing file'
  | 'not a literal'
  | 'not relative';

export interface Violation {
  readonly kind: ViolationKind;
  readonly file: string;
  /** What it imports, or a cycle's files. */
  readonly subject: string;
}

/** @param sources path relative to the repository → text, for all of `src`, `workers` and `abis` */
export function checkImports(sources: ReadonlyMap<string, string>, architecture: Architecture): Violation[] {
  const violations: Violation[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of sources) {
    const code = withoutComments(text);
    const report = (kind: ViolationKind, subject: string): void => {
      violations.push({ kind, file, subject });
    };
    if (areaOf(file, architecture) === undefined) report('no floor', file);
    if (unreadableImport.test(code)) report('not a literal', 'import(…)');
    const targets: string[] = [];
    for (const specifier of importsIn(code)) {
      if (specifier.startsWith('node:')) continue;
      // Short names are for those outside; inside, a path shows how far an import reaches.
      if (file.startsWith('src/') && specifier.startsWith('#src/')) report('not relative', specifier);
      const target = resolveOwn(file, specifier, sources);
      if (target === undefined) {
        const kind = checkLibrary(file, specifier, architecture.owners);
        if (kind !== undefined) report(kind, specifier);
        continue;
      }
      targets.push(target);
      const kind = checkOwn(file, target, sources, architecture);
      if (kind !== undefined) report(kind, target);
    }
    graph.set(file, targets);
  }
  for (const cycle of cyclesOf(graph)) {
    violations.push({ kind: 'cycle', file: cycle[0]!, subject: cycle.join(' → ') });
  }
  return [...violations, ...unnamedWorkers(sources)];
}

const importForms = [
  // import … from, import type … from, export … from: the formatter puts them at the start of a line.
  /^(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^import\s*['"]([^'"]+)['"]/gm,
  // Also `typeof import('…')`.
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /\brequire(?:\.resolve)?\(\s*['"]([^'"]+)['"]/g,
  /\bcreateRequire\([^)]*\)\(\s*['"]([^'"]+)['"]/g,
];
const unreadableImport = /\bimport\((?!\s*['"][^'"]+['"]\s*[),])/;

function importsIn(code: string): string[] {
  return importForms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1]!));
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/(?:^|\s)\/\/.*$/gm, '');
}

/** The file of this repository that a specifier names; `undefined` for a library. */
function resolveOwn(
  file: string,
  specifier: string,
  sources: ReadonlyMap<string, string>,
): string | undefined {
  const own = /^#(src|workers|abis|test)\/(.+)$/.exec(specifier);
  if (own === null && !specifier.startsWith('.')) return undefined;
  const path = own === null ? posix.join(posix.dirname(file), specifier) : `${own[1]}/${own[2]}`;
  const withMarkup = path.replace(/\.js$/, '.tsx');
  return sources.has(withMarkup) ? withMarkup : path.replace(/\.js$/, '.ts');
}

function areaOf(file: string, { areas }: Architecture): string | undefined {
  return Object.keys(areas).find((name) => isWithin(file, areas[name]!.paths));
}

function isWithin(file: string, paths: readonly string[]): boolean {
  return paths.some((path) => (path.endsWith('/') ? file.startsWith(path) : file === path));
}

function checkOwn(
  file: string,
  target: string,
  sources: ReadonlyMap<string, string>,
  architecture: Architecture,
): ViolationKind | undefined {
  if (/^(?:test|bench)\//.test(target)) return 'test imported';
  if (!sources.has(target)) return 'missing file';
  if (target.startsWith('workers/')) return 'worker imported';
  const from = areaOf(file, architecture);
  const to = areaOf(target, architecture);
  // Reported at the file itself.
  if (from === undefined || to === undefined || from === to) return undefined;
  const difference = architecture.areas[to]!.floor - architecture.areas[from]!.floor;
  if (difference > 0) return 'upward';
  if (difference < 0) return undefined;
  return 'sibling';
}

function checkLibrary(
  file: string,
  specifier: string,
  owners: Architecture['owners'],
): ViolationKind | undefined {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const allowed = owners[specifier] ?? owners[name];
  if (allowed === undefined) return 'library unknown';
  return allowed === 'everywhere' || isWithin(file, allowed) ? undefined : 'library not owned';
}

/** A worker that no `import.meta.resolve('#workers/…')` names is started by nobody. */
function unnamedWorkers(sources: ReadonlyMap<string, string>): Violation[] {
  const named = new Set<string>();
  for (const text of sources.values()) {
    for (const [, worker] of text.matchAll(/import\.meta\.resolve\(\s*['"]#(workers\/[^'"]+)\.js['"]/g)) {
      named.add(`${worker}.ts`);
    }
  }
  const workers = [...sources.keys()].filter((file) => file.startsWith('workers/'));
  return workers
    .filter((file) => !named.has(file))
    .map((file) => ({ kind: 'worker not named', file, subject: file }));
}

/** One cycle for each back edge of a depth-first walk. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      cycles.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
