/**
 * Libraries that load much which this program never uses, as a plugin for esbuild that leaves it out. Every thread of
 * a node loads its own copy of what it imports, so what is not there saves time and memory several times over;
 * bench/start.ts shows the difference. Importing a name that is not listed here is an error of the build.
 */

/** A package's main file → what stands in its place, seen from that file's folder. */
const leanMains = {
  // Without the push gateway, which brings node:https and node:zlib into every thread.
  'prom-client/index.js': `
    export { default as AggregatorRegistry } from './lib/cluster.js';
    export { default as collectDefaultMetrics } from './lib/defaultMetrics.js';
    export { default as Counter } from './lib/counter.js';
    export { default as Gauge } from './lib/gauge.js';
    export { default as Histogram } from './lib/histogram.js';
    export { default as Registry } from './lib/registry.js';`,
};

/** Files that their library loads at once and uses only for what is named here, which this program never asks for. */
const absentFiles = {
  'pino/lib/transport.js': 'logging through another thread',
};

/** The same for a package that another one imports: importer, imported, what for. */
const absentPackages = [['prom-client', '@opentelemetry/api', 'exemplars']];

const alternatives = (paths) =>
  new RegExp(
    `[\\\\/](${paths.map((path) => path.replaceAll('.', '\\.').replaceAll('/', '[\\\\/]')).join('|')})$`,
  );

const inPackage = (path) => path.replaceAll('\\', '/').split('/node_modules/').at(-1);

/**
 * Packages that do not say it of themselves: loading one of their files declares something and does nothing else, so
 * a thread may leave out those that it does not use.
 */
const declaringPackages = ['typebox', 'prom-client'];

const isDeclaring = (path) => declaringPackages.some((name) => path === name || path.startsWith(`${name}/`));

/** Whatever is called or read of it says what is missing. */
const absence = (what) => `
  const refuse = () => { throw new Error(${JSON.stringify(`${what}: not part of this build`)}); };
  module.exports = new Proxy(refuse, { get: refuse });`;

export const leanLibraries = {
  name: 'lean libraries',
  setup(build) {
    build.onLoad({ filter: alternatives(Object.keys(leanMains)) }, ({ path }) => ({
      contents: leanMains[inPackage(path)],
      resolveDir: path.replace(/[\\/][^\\/]+$/, ''),
    }));
    build.onResolve({ filter: /./ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (
        pluginData === isAsked ||
        !(isDeclaring(path) || (path.startsWith('.') && isDeclaring(inPackage(importer))))
      )
        return undefined;
      const found = await build.resolve(path, { importer, kind, resolveDir, pluginData: isAsked });
      return { ...found, sideEffects: false };
    });
    build.onLoad({ filter: alternatives(Object.keys(absentFiles)) }, ({ path }) => ({
      contents: absence(absentFiles[inPackage(path)]),
    }));
    for (const [from, to, what] of absentPackages) {
      build.onResolve({ filter: new RegExp(`^${to}$`) }, ({ importer }) =>
        inPackage(importer).startsWith(`${from}/`) ? { path: what, namespace: 'absent' } : undefined,
      );
    }
    build.onLoad({ filter: /./, namespace: 'absent' }, ({ path }) => ({ contents: absence(path) }));
  },
};

const isAsked = Symbol('asked by this plugin');
