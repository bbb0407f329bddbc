/** Where spans go: the configured OTLP endpoint as an address, and what opens its door. Runs on the fronts. */

export interface Collector {
  /** With the path of the traces signal, without credentials. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `host:port`, for the log: the rest of the URL may hold a key. */
  readonly label: string;
}

/** The path of OTLP over HTTP for traces, by the OpenTelemetry protocol's specification. */
const tracesPath = '/v1/traces';

/** A URL that does not end in the path of the signal is a base URL. User and password become a header. */
export function collectorOf(endpoint: string): Collector {
  const url = new URL(endpoint);
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  const headers: Record<string, string> =
    credentials === ':' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  url.username = '';
  url.password = '';
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(tracesPath) ? path : `${path}${tracesPath}`;
  return { url: url.href, headers, label: url.host };
}

/** A stray percent sign stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
