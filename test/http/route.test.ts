import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeError } from '#src/errors/nodeError.js';
import type { Exchange } from '#src/http/exchange.js';
import { allowMethods, type Handler, type Layer, type Route, routeAll, through } from '#src/http/route.js';

/** What routing touches of an exchange. */
function exchange(path: string, method = 'GET') {
  const failures: NodeError[] = [];
  const x = {
    head: { path, method },
    endpoint: '*',
    errorFormat: 'plain',
    rest: '',
    fail: (error: NodeError) => failures.push(error),
  };
  return { x, asExchange: x as unknown as Exchange, failures };
}

function table(patterns: readonly string[]) {
  const reached: string[] = [];
  const routes = patterns.map(
    (pattern): Route => ({
      pattern,
      errorFormat: pattern.startsWith('/v1/') ? 'openai' : 'plain',
      handler: () => reached.push(pattern),
    }),
  );
  const handle = routeAll(routes);
  return (path: string) => {
    reached.length = 0;
    const stand = exchange(path);
    handle(stand.asExchange);
    return { reached: [...reached], ...stand };
  };
}

describe('the route table', () => {
  const route = table([
    '/v1/*',
    '/v1/models',
    '/v1/models/*',
    '/health',
    '/challenge',
    '/v1/chat/completions',
  ]);

  for (const [path, pattern, rest] of [
    ['/v1/models', '/v1/models', ''],
    ['/v1/models/a/b', '/v1/models/*', 'a/b'],
    ['/v1/models/a%2Fb', '/v1/models/*', 'a%2Fb'],
    ['/v1/models/', '/v1/models/*', ''],
    ['/v1/', '/v1/*', ''],
    ['/v1', '/v1/*', ''],
    ['/v1/modelsx', '/v1/*', 'modelsx'],
    ['/v1/chat/completions', '/v1/chat/completions', ''],
    ['/v1/chat/completions/', '/v1/*', 'chat/completions/'],
    ['/health', '/health', ''],
  ] as const) {
    it(`${path} goes to ${pattern}`, () => {
      const { reached, x, failures } = route(path);
      assert.deepEqual(reached, [pattern]);
      assert.deepEqual([x.endpoint, x.rest, failures.length], [pattern, rest, 0]);
      assert.equal(x.errorFormat, pattern.startsWith('/v1/') ? 'openai' : 'plain');
    });
  }

  for (const [path, format] of [
    ['/', 'plain'],
    ['/health/', 'plain'],
    ['/Health', 'plain'],
    ['/v2/', 'plain'],
    ['//v1/models', 'plain'],
    ['', 'plain'],
  ] as const) {
    it(`${path || 'an empty path'} is no route, said in the ${format} form`, () => {
      const { reached, x, failures } = route(path);
      assert.deepEqual(reached, []);
      assert.deepEqual(
        failures.map(({ code }) => code),
        ['route_not_found'],
      );
      assert.equal(x.errorFormat, format);
      assert.equal(x.endpoint, '*');
    });
  }

  it('the longest prefix wins in whatever order the routes are named', () => {
    for (const patterns of [
      ['/*', '/a/*', '/a/b/*'],
      ['/a/b/*', '/a/*', '/*'],
    ]) {
      const choose = table(patterns);
      assert.deepEqual(choose('/a/b/c').reached, ['/a/b/*']);
      assert.deepEqual(choose('/a/c').reached, ['/a/*']);
      assert.deepEqual(choose('/').reached, ['/*']);
    }
  });
});

describe('layers', () => {
  it('are passed in the order of their names, and each may answer itself', () => {
    const passed: string[] = [];
    const layer =
      (name: string, stops = false): Layer =>
      (next) =>
      (x) => {
        passed.push(name);
        if (!stops) next(x);
      };
    const end: Handler = () => passed.push('handler');
    through([layer('a'), layer('b')], end)(exchange('/').asExchange);
    through([layer('c'), layer('d', true), layer('e')], end)(exchange('/').asExchange);
    through([], end)(exchange('/').asExchange);
    assert.deepEqual(passed, ['a', 'b', 'handler', 'c', 'd', 'handler']);
  });

  it('a method that the route does not have is refused, letter case included', () => {
    for (const [method, isAllowed] of [
      ['GET', true],
      ['POST', true],
      ['get', false],
      ['HEAD', false],
      ['DELETE', false],
    ] as const) {
      let isReached = false;
      const { asExchange, failures } = exchange('/', method);
      allowMethods(['GET', 'POST'])(() => {
        isReached = true;
      })(asExchange);
      assert.equal(isReached, isAllowed, method);
      assert.deepEqual(
        failures.map(({ code }) => code),
        isAllowed ? [] : ['method_not_allowed'],
      );
    }
  });
});
