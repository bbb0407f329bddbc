/**
 * The addresses of a name. A name that the operator wrote down is looked up as the system does it, with its hosts file
 * and search domains. A name that a stranger wrote is asked of DNS alone: that can be called off and holds no thread
 * of the pool that files and key derivation need, and it does not tell what only this machine's hosts file knows.
 * Runs in main.
 */
import { lookup, Resolver } from 'node:dns/promises';

export interface HostToResolve {
  /** Lower case, no trailing dot, no literal address. */
  readonly name: string;
  readonly isOperators: boolean;
  readonly signal: AbortSignal;
}

/** IPv4 and IPv6 addresses in any order; rejects or is empty when there are none. */
export type ResolveHost = (host: HostToResolve) => Promise<readonly string[]>;

export interface ResolverOptions {
  /** `address:port` of each DNS server; those of the system when there are none. */
  readonly servers?: readonly string[];
}

/** For one question to one server; a second try fits into the deadline of a request. */
const questionTimeoutMs = 1_500;
const tries = 2;

export function createResolveHost({ servers = [] }: ResolverOptions = {}): ResolveHost {
  return async ({ name, isOperators, signal }) => {
    if (isOperators) return (await lookup(name, { all: true })).map(({ address }) => address);
    // One for each name, because `cancel` ends all questions of a resolver.
    const resolver = new Resolver({ timeout: questionTimeoutMs, tries });
    if (servers.length > 0) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      // Of a host with one kind of address the other question fails, in various ways.
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}
