import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, oneModel, placesOf, problemsOf } from './configHome.js';

const withBackend = (line: string): string => `${oneModel}        ${line}\n`;

test('fills in what a backend leaves out; the backend knows the model by its name', (t) => {
  const { modelBackends } = load(t, {});
  assert.deepEqual(modelBackends.models, [
    {
      name: 'm',
      aliases: [],
      fxnId: '',
      backends: [
        {
          url: 'http://127.0.0.1:8000',
          backendProvider: 'custom',
          model: 'm',
          apiKey: '',
          bearerToken: '',
          headers: {},
          weight: 1,
          maxConcurrency: 64,
        },
      ],
    },
  ]);
  assert.equal(modelBackends.default, null);
});

test('normalises the URL of a backend', (t) => {
  const cases: Record<string, string> = {
    'http://h:8000/': 'http://h:8000',
    'http://h:8000/v1': 'http://h:8000',
    'http://h:8000/v1/': 'http://h:8000',
    'http://h:8000/v1/v1': 'http://h:8000/v1',
    'https://H.example.com/api/v1//': 'https://h.example.com/api',
    'https://h/apiv1': 'https://h/apiv1',
    'http://[::1]:80/x/': 'http://[::1]/x',
  };
  for (const [written, resolved] of Object.entries(cases)) {
    const modelBackend = oneModel.replace('http://127.0.0.1:8000', written);
    assert.equal(load(t, { modelBackend }).modelBackends.models[0]!.backends[0]!.url, resolved);
  }
});

test('refuses backend URLs with credentials, query, fragment or another scheme', (t) => {
  for (const url of [
    'http://u@h',
    'http://u:p@h',
    'http://h?x=1',
    'http://h?',
    'http://h#x',
    'ftp://h',
    'h:8000',
    'http://',
    'unix:/x',
  ]) {
    const problems = problemsOf(t, { modelBackend: oneModel.replace('http://127.0.0.1:8000', url) });
    assert.deepEqual(placesOf(problems), ['4:14 models[0].backends[0].url'], url);
  }
});

test('the default may be an alias and resolves to the name', (t) => {
  const modelBackend = `${oneModel.replace('"m"', '"m"\n    aliases: [a, b]')}default: b\n`;
  assert.equal(load(t, { modelBackend }).modelBackends.default, 'm');
});

test('the default must exist', (t) => {
  const [problem] = problemsOf(t, {
    modelBackend: `${oneModel.replace('"m"', '"llama-70b"')}default: lama-70b\n`,
  });
  assert.equal(problem?.path, 'default');
  assert.equal(problem.suggestion, 'llama-70b');
});

test('names and aliases are unique over all models', (t) => {
  const modelBackend = `models:
  - { name: a, aliases: [b], backends: [{ url: "http://x" }] }
  - { name: b, aliases: [c, c, a], backends: [{ url: "http://x" }] }
`;
  assert.deepEqual(placesOf(problemsOf(t, { modelBackend })), [
    '3:13 models[1].name',
    '3:29 models[1].aliases[1]',
    '3:32 models[1].aliases[2]',
  ]);
});

test('an empty list of models or backends is refused', (t) => {
  assert.deepEqual(placesOf(problemsOf(t, { modelBackend: 'models: []' })), ['1:9 models']);
  assert.deepEqual(placesOf(problemsOf(t, { modelBackend: 'models: [{ name: a, backends: [] }]' })), [
    '1:31 models[0].backends',
  ]);
});

test('header names are folded to lower case, and their values kept', (t) => {
  const { modelBackends } = load(t, { modelBackend: withBackend('headers: { X-Team: "a b", x-n: 007 }') });
  assert.deepEqual(modelBackends.models[0]!.backends[0]!.headers, { 'x-team': 'a b', 'x-n': '007' });
});

test('refuses headers that could break out of the request or contradict a key', (t) => {
  const refused = [
    'headers: { "x\\ny": a }',
    'headers: { x: "a\\r\\nEvil: 1" }',
    'headers: { x: "a\\0" }',
    'headers: { "": a }',
    'headers: { "a b": c }',
    'headers: { Host: a }',
    'headers: { content-length: 5 }',
    'headers: { Transfer-Encoding: chunked }',
    'headers: { x: a, X: b }',
    'headers: [a]',
    'headers: { x: [a] }',
    'apiKey: "a\\n"',
    'bearerToken: " a"',
    'bearerToken: "schlüssel"',
  ];
  for (const line of refused)
    assert.equal(problemsOf(t, { modelBackend: withBackend(line) }).length, 1, line);
  const both = withBackend(
    'headers: { Authorization: a, x-api-key: b }\n        apiKey: k\n        bearerToken: t',
  );
  assert.equal(problemsOf(t, { modelBackend: both }).length, 2);
});

test('a header called __proto__ is only a header', (t) => {
  const { modelBackends } = load(t, { modelBackend: withBackend('headers: { __proto__: a }') });
  const { headers } = modelBackends.models[0]!.backends[0]!;
  assert.deepEqual(Object.entries(headers), [['__proto__', 'a']]);
  assert.equal(Object.getPrototypeOf(headers), Object.prototype);
});

test('a flat file without an alias passes the model name of the caller', (t) => {
  const { modelBackends } = load(t, { modelBackend: 'url: http://h/v1\nfxnId: "2"\n' });
  assert.equal(modelBackends.models[0]!.backends[0]!.model, null);
  assert.equal(modelBackends.default, '2');
});

test('a flat file needs its URL and its id, and knows no key of the other form', (t) => {
  assert.deepEqual(placesOf(problemsOf(t, { modelBackend: 'backendProvider: vllm\nweight: 1\n' })), [
    '1:1 url',
    '1:1 fxnId',
    '2:1 weight',
  ]);
  const [, fxnId] = problemsOf(t, { modelBackend: 'backendProvider: vllm\nweight: 1\n' });
  assert.match(fxnId!.message, /id of the model .* which the flat form cannot do without/);
});

test('the two forms exclude each other', (t) => {
  const mixed = problemsOf(t, { modelBackend: `url: http://h\n${oneModel}` });
  assert.deepEqual(placesOf(mixed), ['1:1 url']);
  assert.match(mixed[0]!.message, /the two exclude each other/);
  assert.equal(mixed[0]?.suggestion, undefined);
});

test('a backend URL that names a route is refused: base URL only', (t) => {
  const routes = [
    '/v1/chat/completions',
    '/v1/chat/completions/',
    '/completions',
    '/v1/embeddings',
    '/models',
  ];
  for (const route of routes) {
    const listed = oneModel.replace('http://127.0.0.1:8000', `http://h:8000${route}`);
    const [problem, ...more] = problemsOf(t, { modelBackend: listed });
    assert.deepEqual([problem?.path, more.length], ['models[0].backends[0].url', 0], route);
    assert.match(problem!.message, /base URL only/);
    const flat = problemsOf(t, { modelBackend: `url: "http://h${route}"\nfxnId: "2"\n` });
    assert.deepEqual(placesOf(flat), ['1:6 url']);
  }
  const fine = oneModel.replace('http://127.0.0.1:8000', 'http://h/models/llama');
  assert.equal(
    load(t, { modelBackend: fine }).modelBackends.models[0]!.backends[0]!.url,
    'http://h/models/llama',
  );
});

test('one server twice in a model is a warning, as two models of it is not', (t) => {
  const second = (url: string, more = ''): string => `${oneModel}      - { url: "${url}"${more} }\n`;
  const warnings = (modelBackend: string): readonly string[] => load(t, { modelBackend }).warnings;
  const [warning, ...rest] = warnings(second('http://127.0.0.1:8000/v1'));
  assert.equal(rest.length, 0);
  assert.match(
    warning!,
    /:5:16: models\[0\]\.backends\[1\]\.url: is the same server as models\[0\]\.backends\[0\]\.url/,
  );
  assert.deepEqual(warnings(second('http://127.0.0.1:8001')), []);
  assert.deepEqual(warnings(second('http://127.0.0.1:8000', ', model: lora')), []);
});
