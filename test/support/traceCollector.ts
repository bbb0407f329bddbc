/** An OTLP collector under the test's control: real HTTP, reads the JSON that exporters send. Runs in tests. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { eventually } from './bypassNode.js';

type AnyValue = {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
};
interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface RawSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly status: { readonly code: number };
}

export interface CollectedSpan extends Omit<RawSpan, 'attributes' | 'events'> {
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly resource: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly events: readonly string[];
}

export const serverKind = 2;
export const clientKind = 3;
export const errorStatus = 2;

export interface TraceCollector {
  readonly url: string;
  readonly port: number;
  readonly spans: readonly CollectedSpan[];
  /** Path and headers of each export. */
  readonly exports: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  readonly sockets: ReadonlySet<Socket>;
  /** Instead of taking the spans. */
  fault: ((response: ServerResponse) => void) | undefined;
  /** Waits for a span. */
  span(isIt: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
  close(): Promise<void>;
}

export async function startTraceCollector(port = 0): Promise<TraceCollector> {
  const spans: CollectedSpan[] = [];
  const exports: { path: string; headers: IncomingMessage['headers'] }[] = [];
  const sockets = new Set<Socket>();
  const take = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of message) pieces.push(piece as Buffer);
    exports.push({ path: message.url ?? '', headers: message.headers });
    if (collector.fault !== undefined) {
      collector.fault(response);
      return;
    }
    spans.push(...spansIn(Buffer.concat(pieces).toString('utf8')));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer((message, response) => {
    take(message, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  const collector: TraceCollector = {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    spans,
    exports,
    sockets,
    fault: undefined,
    async span(isIt) {
      await eventually(
        () => spans.map(({ name, attributes }) => [name, attributes['fxn.request.id']]),
        () => spans.some(isIt),
      );
      return spans.find(isIt)!;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return collector;
}

function spansIn(json: string): CollectedSpan[] {
  const { resourceSpans } = JSON.parse(json) as {
    resourceSpans: {
      resource: { attributes: KeyValue[] };
      scopeSpans: { spans: RawSpan[] }[];
    }[];
  };
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: valuesOf(span.attributes),
        resource: valuesOf(resource.attributes),
        events: span.events.map(({ name }) => name),
      })),
    ),
  );
}

function valuesOf(attributes: readonly KeyValue[]): CollectedSpan['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value;
      return [
        key,
        stringValue ?? doubleValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)),
      ];
    }),
  );
}
