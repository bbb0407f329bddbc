/**
 * The route table: patterns to handlers, with the layers a request passes on its way in. A pattern is an exact
 * path, or ends in `/*` or `/{name}` and matches everything below. Runs on the fronts.
 */
import { NodeError } from '../errors/nodeError.js';
import type { ErrorFormat } from './errorBody.js';
import type { Exchange } from './exchange.js';

export type Handler = (x: Exchange) => void;
/** Wraps a handler; calls the next one or answers itself. */
export type Layer = (next: Handler) => Handler;

export interface Route {
  readonly pattern: string;
  readonly errorFormat: ErrorFormat;
  readonly handler: Handler;
}

/** Puts layers around a handler; the first named is the first passed. */
export function through(layers: readonly Layer[], handler: Handler): Handler {
  return layers.reduceRight((next, layer) => layer(next), handler);
}

/** Answers requests whose method the route does not have. Stands behind authentication. */
export function allowMethods(methods: readonly string[]): Layer {
  return (next) => (x) => {
    if (methods.includes(x.head.method)) next(x);
    else x.fail(new NodeError('method_not_allowed', { meta: { allow: methods.join(', ') } }));
  };
}

/** The last segment of a pattern that stands for whatever follows. */
const openEnd = /\/(?:\*|\{\w+\})$/;

/** The handler of a whole table: exact paths first, then the longest prefix. */
export function routeAll(routes: readonly Route[]): Handler {
  const exact = new Map(routes.filter((r) => !openEnd.test(r.pattern)).map((r) => [r.pattern, r]));
  const prefixes = routes
    .filter((r) => openEnd.test(r.pattern))
    .map((route) => ({ route, prefix: route.pattern.replace(openEnd, '/') }))
    .sort((a, b) => b.prefix.length - a.prefix.length);

  return (x) => {
    const path = x.head.path;
    let route = exact.get(path);
    if (route === undefined) {
      const found = prefixes.find(({ prefix }) => path.startsWith(prefix) || `${path}/` === prefix);
      if (found !== undefined) {
        route = found.route;
        x.rest = path.slice(found.prefix.length);
      }
    }
    if (route === undefined) {
      if (path.startsWith('/v1/')) x.errorFormat = 'openai';
      x.fail(new NodeError('route_not_found'));
      return;
    }
    x.endpoint = route.pattern;
    x.errorFormat = route.errorFormat;
    route.handler(x);
  };
}
