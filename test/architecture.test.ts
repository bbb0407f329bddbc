import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkImports, type Violation } from './architecture/checkImports.js';
import { areas, owners, topLevel } from './architecture/floors.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const architecture = { areas, owners };

function sourcesOf(folders: readonly string[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(path)) continue;
      const name = `${folder}/${path.replaceAll('\\', '/')}`;
      sources.set(name, readFileSync(join(root, name), 'utf8'));
    }
  }
  return sources;
}

/** Violations of a tree that is sound but for the given files. */
function violationsWith(files: Readonly<Record<string, string>>): string[] {
  const sound = {
    'src/errors/codes.ts': 'export const codes = 1;',
    'src/lib/words.ts': 'export const w = 1;',
  };
  return checkImports(new Map(Object.entries({ ...sound, ...files })), architecture).map(lineOf);
}

const lineOf = ({ kind, file, subject }: Violation): string => `${kind}: ${file} → ${subject}`;

describe('the architecture', () => {
  it('holds: imports go down, libraries have owners, there are no cycles', () => {
    const sources = sourcesOf(['src', 'workers', 'abis']);
    assert.ok(sources.size > 100, `only ${sources.size} files were found`);
    assert.deepEqual(checkImports(sources, architecture).map(lineOf), []);
  });

  it('every area and every owner that is a file exists', () => {
    const sources = sourcesOf(['src', 'workers', 'abis']);
    const files = [...Object.values(areas).flatMap(({ paths }) => paths), ...Object.values(owners).flat()];
    const gone = files.filter((path) => path.endsWith('.ts') && !sources.has(path));
    assert.deepEqual(gone, []);
  });

  it('the top level holds nothing that is not named', () => {
    const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n');
    const isIgnored = (name: string): boolean =>
      ignored.includes(`${name}/`) || ignored.includes(name) || name.endsWith('.log');
    const strangers = readdirSync(root).filter(
      (name) => !name.startsWith('.') && !isIgnored(name) && !topLevel.includes(name),
    );
    assert.deepEqual(strangers, []);
  });
});

describe('the checker of the architecture', () => {
  it('accepts imports that go down, and files of one folder that import each other', () => {
    const violations = violationsWith({
      'src/auth/a.ts':
        "import { b } from './b.js';\nimport type { X } from '../shm/x.js';\nimport 'node:fs';",
      'src/auth/b.ts': "import { codes } from '../errors/codes.js';",
      'workers/front.ts': "import { codes } from '#src/errors/codes.js';",
      'src/node.ts': "new Worker(new URL(import.meta.resolve('#workers/front.js')));",
      'src/shm/x.ts': "export type { W } from '../lib/words.js';",
      'src/lib/words.ts': 'export interface W {}',
    });
    assert.deepEqual(violations, []);
  });

  for (const [form, code] of [
    ['a static import', "import { n } from '../node.js';"],
    ['an import over several lines', "import {\n  n,\n} from '../node.js';"],
    ['a type import', "import type { N } from '../node.js';"],
    ['a re-export', "export { n } from '../node.js';"],
    ['a re-export of everything', "export * from '../node.js';"],
    ['an import for its effect', "import '../node.js';"],
    ['a dynamic import', "const n = await import('../node.js');"],
    ['the type of an import', "type N = typeof import('../node.js');"],
  ] as const) {
    it(`reports ${form} that goes up`, () => {
      const violations = violationsWith({ 'src/openai/a.ts': code, 'src/node.ts': 'export const n = 1;' });
      assert.deepEqual(violations, ['upward: src/openai/a.ts → src/node.ts']);
    });
  }

  it('reads no import out of a comment', () => {
    const code =
      "/**\n * import { n } from '../node.js';\n */\n// await import('../node.js')\nexport const a = 1;";
    assert.deepEqual(violationsWith({ 'src/openai/a.ts': code, 'src/node.ts': '' }), []);
  });

  it('reports a short name inside src', () => {
    const violations = violationsWith({ 'src/auth/a.ts': "import { w } from '#src/lib/words.js';" });
    assert.deepEqual(violations, ['not relative: src/auth/a.ts → #src/lib/words.js']);
  });

  it('reports siblings that import each other', () => {
    const violations = violationsWith({
      'src/openai/a.ts': "import type { C } from '../challenge/c.js';",
      'src/challenge/c.ts': '',
      'src/errors/codes.ts': "import { w } from '../lib/words.js';",
    });
    assert.deepEqual(violations.sort(), [
      'sibling: src/errors/codes.ts → src/lib/words.ts',
      'sibling: src/openai/a.ts → src/challenge/c.ts',
    ]);
  });

  it('reports a cycle inside one folder', () => {
    const violations = violationsWith({
      'src/auth/a.ts': "import { b } from './b.js';",
      'src/auth/b.ts': "import { c } from './c.js';",
      'src/auth/c.ts': "import type { A } from './a.js';",
    });
    assert.deepEqual(violations, [
      'cycle: src/auth/a.ts → src/auth/a.ts → src/auth/b.ts → src/auth/c.ts → src/auth/a.ts',
    ]);
  });

  it('reports a worker that is imported, and one that nobody names by URL', () => {
    const violations = violationsWith({
      'src/node.ts': "new Worker(new URL(import.meta.resolve('#workers/front.js')));",
      'src/cli/x.ts': "import { f } from '#workers/front.js';",
      'workers/front.ts': 'export const f = 1;',
      'workers/compute.ts': '',
    });
    assert.deepEqual(violations, [
      'worker imported: src/cli/x.ts → workers/front.ts',
      'worker not named: workers/compute.ts → workers/compute.ts',
    ]);
  });

  it('reports a library outside the folder that owns it, whatever way it is loaded', () => {
    const violations = violationsWith({
      'src/openai/a.ts': "import { pino } from 'pino';",
      'src/openai/b.ts': "import type { Hex } from 'viem/utils';",
      'src/openai/c.ts': "const s = createRequire(import.meta.url)('secp256k1/bindings');",
      'src/openai/d.ts': "import { Compile } from 'typebox/compile';",
      'src/openai/e.ts': "import { secp256k1 } from '@noble/curves/secp256k1.js';",
      'src/openai/f.ts': "import Type from 'typebox';\nimport { LRUCache } from 'lru-cache';",
    });
    assert.deepEqual(violations, [
      'library not owned: src/openai/a.ts → pino',
      'library not owned: src/openai/b.ts → viem/utils',
      'library not owned: src/openai/c.ts → secp256k1/bindings',
      'library not owned: src/openai/d.ts → typebox/compile',
      'library not owned: src/openai/e.ts → @noble/curves/secp256k1.js',
    ]);
  });

  it('reports what the table does not know', () => {
    const violations = violationsWith({
      'src/utils/a.ts': '',
      'src/lib/b.ts': "import leftPad from 'left-pad';",
      'src/lib/c.ts': "import { d } from './gone.js';",
      'src/lib/d.ts': "import { e } from '#test/runs.js';",
      'src/lib/e.ts': 'const e = await import(name);',
    });
    assert.deepEqual(violations, [
      'no floor: src/utils/a.ts → src/utils/a.ts',
      'library unknown: src/lib/b.ts → left-pad',
      'missing file: src/lib/c.ts → src/lib/gone.ts',
      'test imported: src/lib/d.ts → test/runs.ts',
      'not a literal: src/lib/e.ts → import(…)',
    ]);
  });
});
