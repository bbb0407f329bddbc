/**
 * Structured logs: one JSON object a line on standard output, secrets redacted by key name. Every thread makes
 * its own logger on the same descriptor and writes whole lines at once, so lines of two threads do not mix.
 */
import { destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { NodeError } from '../errors/nodeError.js';

export type Logger = PinoLogger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The phases of a request's life, used as the log field and the metric label `phase`. */
export type Phase = 'receive' | 'authenticate' | 'admit' | 'select' | 'forward' | 'stream' | 'record';

const secretKeys = [
  'apiKey',
  'bearerToken',
  'password',
  'passphrase',
  'privateKey',
  'private_key',
  'redisUrl',
  'webhookUrl',
  'authorization',
  'cookie',
  'x-api-key',
  'x-signature',
  'signature-input',
  'signature',
];

const redactPaths = secretKeys.flatMap((key) =>
  ['', '*.', '*.*.', '*.*.*.'].map((depth) =>
    /^\w+$/.test(key) ? `${depth}${key}` : `${depth.replace(/\.$/, '')}["${key}"]`,
  ),
);

/** Code and meta of a `NodeError`, and its causes, in one flat object beside pino's usual fields. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const base = stdSerializers.err(error);
  if (!(error instanceof NodeError)) return base;
  const { code, message, meta } = error;
  // Where a refusal was thrown says nothing to an operator; where this program failed does.
  if (code === 'internal_error') return { ...base, code, meta };
  return { type: base.type, code, message, meta, cause: causesOf(error) };
}

/** What lies behind an error, outermost first, without stacks. */
function causesOf(error: Error): string | undefined {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    causes.push(
      code === undefined || cause.message.includes(code) ? cause.message : `${code} ${cause.message}`,
    );
  }
  return causes.length === 0 ? undefined : causes.join(' < ');
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `main`, `front-0`, `registry`, … */
  readonly thread: string;
  /** File descriptor; 1 unless told. */
  readonly descriptor?: number;
}

export function createLogger({ level, thread, descriptor = 1 }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { thread },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      redact: { paths: redactPaths, censor: '[redacted]' },
    },
    // Synchronous: a line is in the kernel before the call returns, so a crash loses none and whole lines
    // of several threads never interleave.
    destination({ fd: descriptor, sync: true }),
  );
}
