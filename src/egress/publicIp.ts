/**
 * The address at which this node is seen from outside: the configured one, or what a look-up service says. The service
 * is the operator's choice and may stand on a private address, but nothing that it says is believed or waited for
 * beyond measure. Runs in main.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '../lib/clock.js';
import { type IpRange, isWithin, parseIp, parseIpRange } from './ipAddress.js';

export interface PublicIp {
  /** `null` when it is not known. Never rejects, and takes no longer than the deadline of one look-up. */
  read(): Promise<string | null>;
}

/** Why a look-up told nothing; a closed union. */
export type LookupFailure = 'timeout' | 'unreachable' | 'bad_status' | 'too_large' | 'not_an_address';

export interface PublicIpOptions {
  /** Used as it is, without asking anybody; `''` = ask. */
  readonly configured: string;
  /** URL whose answer's body is the address; `''` = never ask. */
  readonly service: string;
  readonly clock: Clock;
  readonly deadlineMs?: number;
  /** Told once for each look-up that failed. */
  onFailure?(failure: LookupFailure): void;
}

const defaultDeadlineMs = 2_000;
/** Long enough that schedulers cost the service nothing, short enough for lines whose address changes at night. */
const keepAddressMs = 600_000;
/** A service that is down is asked at this pace, and challenges in between are not held up. */
const keepFailureMs = 30_000;
/** The longest address takes 45 characters. */
const maxAnswerBytes = 256;

/** Where nobody outside could find this machine. A private address may be right: of a node in an overlay network. */
const absurd: readonly IpRange[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].map((text) => parseIpRange(text)!);

type Lookup = { readonly address: string } | { readonly failure: LookupFailure };

export function createPublicIp(options: PublicIpOptions): PublicIp {
  const { configured, service, clock, deadlineMs = defaultDeadlineMs, onFailure } = options;
  if (configured !== '') return { read: async () => configured };
  if (service === '') return { read: async () => null };

  let known: { readonly address: string | null; readonly untilMs: number } | undefined;
  let underWay: Promise<string | null> | undefined;

  const lookUp = async (): Promise<string | null> => {
    const found = await askService(new URL(service), AbortSignal.timeout(deadlineMs));
    const address = 'address' in found ? found.address : null;
    known = { address, untilMs: clock.nowMs() + (address === null ? keepFailureMs : keepAddressMs) };
    if ('failure' in found) onFailure?.(found.failure);
    return address;
  };

  return {
    read() {
      const nowMs = clock.nowMs();
      // Of a clock that was set back only the longest wait may remain.
      const isKnown = known !== undefined && nowMs < known.untilMs && known.untilMs - nowMs <= keepAddressMs;
      if (isKnown) return Promise.resolve(known!.address);
      underWay ??= lookUp().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

/** Redirects are not followed; one connection for each look-up. */
function askService(url: URL, signal: AbortSignal): Promise<Lookup> {
  return new Promise((resolve) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      agent: false,
      headers: { accept: 'text/plain', 'user-agent': 'fxn-provider-node' },
      signal,
    });
    const settle = (lookup: Lookup): void => {
      resolve(lookup);
      request.destroy();
    };
    request.on('error', () => settle({ failure: signal.aborted ? 'timeout' : 'unreachable' }));
    request.once('upgrade', () => settle({ failure: 'bad_status' }));
    request.once('response', (response) => {
      if (response.statusCode !== 200) return settle({ failure: 'bad_status' });
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > maxAnswerBytes) return settle({ failure: 'too_large' });
        pieces.push(piece);
      });
      response.on('end', () => settle(readAnswer(Buffer.concat(pieces).toString('utf8'))));
      response.on('error', () => settle({ failure: signal.aborted ? 'timeout' : 'unreachable' }));
    });
    request.end();
  });
}

function readAnswer(text: string): Lookup {
  const address = text.trim();
  const parsed = parseIp(address);
  if (parsed === undefined || absurd.some((range) => isWithin(parsed, range))) {
    return { failure: 'not_an_address' };
  }
  return { address };
}
