/**
 * The names under which this node is reached, as HTTP message signatures spell them: what a request must have
 * been signed for. They come from the configuration, never from the request, or a node that received one could
 * send it on. Runs on the fronts.
 */

export interface OwnNamesOptions {
  readonly publicUrl: string;
  /** host[:port] */
  readonly authorities: readonly string[];
  readonly listenAddress: string;
  /** The real one, where the configuration says 0. */
  readonly port: number;
  readonly isTls: boolean;
}

export interface OwnNames {
  /** `http` or `https`: how callers address this node. */
  readonly scheme: string;
  /** Lower case, without the scheme's default port. */
  readonly names: ReadonlySet<string>;
  /** The name that a Host header spells, if it is one of this node. */
  find(host: string): string | undefined;
}

const defaultPorts: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

export function createOwnNames(options: OwnNamesOptions): OwnNames {
  const { publicUrl, authorities, listenAddress, port, isTls } = options;
  const outside = publicUrl === '' ? undefined : new URL(publicUrl);
  const scheme = outside?.protocol.slice(0, -1) ?? (isTls ? 'https' : 'http');
  const defaultPort = defaultPorts[scheme] ?? '';
  const normalise = (authority: string): string => {
    const lowerCase = authority.toLowerCase();
    return lowerCase.endsWith(defaultPort) ? lowerCase.slice(0, -defaultPort.length) : lowerCase;
  };
  const given = [...(outside === undefined ? [] : [outside.host]), ...authorities];
  const host = listenAddress.includes(':') ? `[${listenAddress}]` : listenAddress;
  const names = new Set((given.length > 0 ? given : [`${host}:${port}`]).map(normalise));
  return {
    scheme,
    names,
    find(spelled) {
      const name = normalise(spelled);
      return names.has(name) ? name : undefined;
    },
  };
}
