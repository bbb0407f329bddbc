/**
 * `config.yaml`: its keys, defaults and limits, as one schema whose type is the resolved configuration: every
 * default filled in, durations in milliseconds, sizes in bytes, addresses in lower case, paths absolute. The
 * object is frozen and holds only what `structuredClone` copies, so every thread gets the same.
 */
import type * as Type from 'typebox';
import {
  address,
  amount,
  byteSize,
  duration,
  flag,
  group,
  integer,
  list,
  optionalAddress,
  port,
  special,
  text,
  threadCount,
  word,
} from './leaves.js';

const httpUrl = 'a URL that starts with http:// or https://';

const node = group({
  listenAddress: special('host', 'an IP address or host name to listen on', { fallback: '127.0.0.1' }),
  listenPort: port(8080),
  threads: threadCount(),
  publicUrl: special('httpUrl', httpUrl, { fallback: '', mayBeEmpty: true }),
  maxBodyBytes: byteSize('10mb', '1gb'),
  drainTimeout: duration('30s', '0s'),
  publicIp: special('ip', 'an IPv4 or IPv6 address', { fallback: '', mayBeEmpty: true }),
  publicIpService: special('httpUrl', httpUrl, {
    fallback: 'https://api.ipify.org',
    mayBeEmpty: true,
    secret: 'url',
  }),
  tls: group({
    certFile: special('path', 'a path', { fallback: '', mayBeEmpty: true }),
    keyFile: special('path', 'a path', { fallback: '', mayBeEmpty: true }),
  }),
});

const admin = group({
  listenAddress: special('host', 'an IP address or host name to listen on', { fallback: '127.0.0.1' }),
  listenPort: port(9090),
  console: flag(true),
  hosts: list(special('host', 'a host name'), { description: 'a list of host names', fallback: [] }),
});

const logger = group({
  verbosity: word(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    fallback: 'info',
    // What loggers of Go call these levels.
    synonyms: { warning: 'warn', panic: 'fatal', dpanic: 'fatal' },
  }),
});

const poll = () => group({ pollInterval: duration('1m') });

const registry = group({
  routerSmartContractAddress: address(),
  bypassAuth: flag(false),
  requireRegistration: word(['off', 'warn', 'refuse'], { fallback: 'warn' }),
  maxStaleness: duration('30m'),
  confirmations: integer(0, 0, 10_000),
  owner: optionalAddress(),
  gateway: poll(),
  provider: poll(),
  scheduler: poll(),
});

const auth = group({
  maxAge: duration('60s'),
  maxSkew: duration('30s', '0s'),
  schemes: list(word(['legacy', 'rfc9421', 'session'], {}), {
    description: 'a list of at least one of "legacy", "rfc9421", "session"',
    fallback: ['legacy', 'rfc9421'],
    minItems: 1,
  }),
  authorities: list(special('authority', 'a host or host:port'), {
    description: 'a list of host or host:port',
    fallback: [],
  }),
  session: group({ ttl: duration('10m'), perCaller: integer(16, 1, 100_000) }),
});

const nonceCache = group({
  ttl: duration('5m'),
  cleanupInterval: duration('10m'),
  capacity: integer(2_000_000, 2, 1_000_000_000),
  store: word(['memory', 'redis'], { fallback: 'memory', synonyms: { valkey: 'redis' } }),
  redisUrl: special('redisUrl', 'a URL that starts with redis:// or rediss://', {
    fallback: '',
    mayBeEmpty: true,
    secret: 'url',
  }),
});

const proxy = group({
  maxIdleConns: integer(100, 0, 1_000_000),
  idleConnTimeout: duration('4s', '0s'),
  connectTimeout: duration('2s'),
  firstByteTimeout: duration('120s'),
  idleTimeout: duration('60s'),
  totalTimeout: duration('30m'),
  passThrough: flag(false),
  queue: group({ maxWaiting: integer(256, 0, 1_000_000), maxWait: duration('10s', '0s') }),
  // The checks run at most this often.
  healthInterval: duration('10s'),
  retryBudgetPercent: amount(10, 0, 100),
  breaker: group({ failures: integer(5, 1, 1_000_000), openFor: duration('10s') }),
  keepAliveComments: duration('0s', '0s'),
  affinity: word(['none', 'prefix'], { fallback: 'none' }),
});

const limits = group({
  requestsPerSecond: amount(0, 0, 1_000_000_000),
  concurrentStreams: integer(0, 0, 1_000_000),
  tokensPerMinute: integer(0, 0, 1_000_000_000_000),
});

const compute = group({
  threads: threadCount(),
  gpu: word(['auto', 'off', 'webgpu', 'cuda'], { fallback: 'auto' }),
  maxMatrixSize: integer(8192, 1, 65_536),
  maxQueued: integer(4, 0, 1_000_000),
  deadline: duration('60s'),
  commitmentTtl: duration('60s'),
  commitmentBytes: byteSize('1gb', '1tb'),
});

const hostRanges = () =>
  list(special('hostRange', 'a host name, an IP address or a range such as "10.0.0.0/8"'), {
    description: 'a list of host names, IP addresses or ranges such as "10.0.0.0/8"',
    fallback: [],
  });

const offers = group({
  enabled: flag(false),
  chainId: integer(8453, 1, Number.MAX_SAFE_INTEGER),
  rpcProvider: list(special('httpUrl', httpUrl, { secret: 'url' }), {
    description: `${httpUrl}, or a list of them`,
    fallback: [],
    oneOrMany: true,
  }),
  token: address('0x833589fcd6edb6e08f4c7c32d4f71b54bda02913'),
  allowHosts: hostRanges(),
  settlementKeyFile: special('path', 'a path', { fallback: '', mayBeEmpty: true }),
  facilitators: list(special('httpUrl', httpUrl, { secret: 'url' }), {
    description: `a list of URLs that start with http:// or https://`,
    fallback: [],
  }),
  eventsUrl: special('httpUrl', httpUrl, { fallback: '', mayBeEmpty: true, secret: 'url' }),
  payments: group({
    maxAge: duration('24h'),
    twoRpcsAbove: text('an amount of USDC such as "10" or "0.5"', {
      fallback: '10',
      pattern: '^[0-9]{1,12}(?:\\.[0-9]{1,6})?$',
    }),
  }),
});

export const Config = group({
  node,
  admin,
  logger,
  rpcProvider: list(special('httpUrl', httpUrl, { secret: 'url' }), {
    description: `${httpUrl}, or a list of at least one`,
    minItems: 1,
    oneOrMany: true,
  }),
  schedulerAddress: address(),
  chainId: integer(84_532, 1, Number.MAX_SAFE_INTEGER),
  keys: group({
    file: special('path', 'a path', { fallback: 'nodekey.json' }),
    passwordFile: special('path', 'a path', { fallback: '', mayBeEmpty: true }),
  }),
  registry,
  auth,
  nonceCache,
  proxy,
  limits,
  compute,
  challenge: group({ reachable: group({ allowHosts: hostRanges() }) }),
  telemetry: group({
    otlpEndpoint: special('httpUrl', httpUrl, { fallback: '', mayBeEmpty: true, secret: 'url' }),
  }),
  alerts: group({
    webhookUrl: special('httpUrl', httpUrl, { fallback: '', mayBeEmpty: true, secret: 'whole' }),
  }),
  offers,
});

export type Config = Type.Static<typeof Config>;
