/** What `fxn init` was told by its options, read and checked before anything is looked for. Runs in the command line. */
import { isIP } from 'node:net';
import { type AddressText, parseAddress } from '../../lib/address.js';
import { UsageError } from '../usageError.js';

export interface InitOptions {
  readonly home: string;
  readonly chainId?: number | undefined;
  readonly rpc?: readonly string[] | undefined;
  readonly scheduler?: string | undefined;
  readonly router?: string | undefined;
  readonly owner?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly listen?: string | undefined;
  readonly admin?: string | undefined;
  readonly model?: readonly string[] | undefined;
  readonly scan?: readonly string[] | undefined;
  readonly passwordFile?: string | undefined;
  readonly plain?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

export interface ListenTarget {
  readonly host: string;
  readonly port: number;
}

/** `NAME=URL#BACKEND_NAME`. */
export interface GivenModel {
  readonly name: string;
  /** Without `/v1` and without a slash at the end. */
  readonly url: string;
  readonly backendName: string | undefined;
}

export interface GivenSetup {
  readonly chainId: number | undefined;
  readonly rpcUrls: readonly string[];
  readonly scheduler: AddressText | undefined;
  readonly router: AddressText | undefined;
  readonly owner: AddressText | undefined;
  readonly publicUrl: string | undefined;
  readonly listen: ListenTarget | undefined;
  readonly admin: ListenTarget | undefined;
  readonly models: readonly GivenModel[];
  /** Hosts to look for inference servers on; IPv6 in brackets. */
  readonly hosts: readonly string[];
}

/** @throws UsageError */
export function readInitOptions(options: InitOptions): GivenSetup {
  const { chainId } = options;
  if (chainId !== undefined && (!Number.isSafeInteger(chainId) || chainId < 1)) {
    throw new UsageError('--chain-id is a number from 1.');
  }
  if (options.plain === true && options.passwordFile !== undefined) {
    throw new UsageError('--plain and --password-file exclude each other: a plain key has no password.');
  }
  return {
    chainId,
    rpcUrls: options.rpc ?? [],
    scheduler: given(options.scheduler, (text) => readAddress(text, '--scheduler')),
    router: given(options.router, (text) => readAddress(text, '--router')),
    owner: given(options.owner, (text) => readAddress(text, '--owner')),
    publicUrl: given(options.publicUrl, (text) => readHttpUrl(text, '--public-url')),
    listen: given(options.listen, (text) => readListen(text, '--listen')),
    admin: given(options.admin, (text) => readListen(text, '--admin')),
    models: (options.model ?? []).map(readModel),
    hosts: ['127.0.0.1', ...(options.scan ?? []).map(readHost)],
  };
}

const given = <T>(text: string | undefined, read: (text: string) => T): T | undefined =>
  text === undefined ? undefined : read(text);

export function readAddress(text: string, what: string): AddressText {
  const address = parseAddress(text.trim());
  if (address === undefined) throw new UsageError(`${what} is an address: 0x and 40 hex digits.`);
  return address;
}

export function readHttpUrl(text: string, what: string): string {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text;
  throw new UsageError(`${what} is a URL that starts with http:// or https://.`);
}

/** `PORT`, `HOST:PORT` or `[IPv6]:PORT`; a port alone is on loopback. */
export function readListen(text: string, what: string): ListenTarget {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/i.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(`${what} is HOST:PORT, such as 0.0.0.0:8080, or a port alone.`);
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

const modelForm = /^(.+?)=(https?:\/\/[^#\s]+)(?:#(.+))?$/i;

function readModel(text: string): GivenModel {
  const match = modelForm.exec(text);
  if (match === null || !URL.canParse(match[2]!)) {
    throw new UsageError(
      '--model is NAME=URL, such as llama=http://127.0.0.1:8000, or NAME=URL#WHAT_THE_SERVER_CALLS_IT.',
    );
  }
  const [, name = '', url = '', backendName] = match;
  return { name, url: url.replace(/\/+$/, '').replace(/\/v1$/, ''), backendName };
}

function readHost(text: string): string {
  if (isIP(text) === 6) return `[${text}]`;
  if (/^[a-z0-9._-]+$/i.test(text)) return text;
  throw new UsageError('--scan is the name or address of a host, without a port.');
}
