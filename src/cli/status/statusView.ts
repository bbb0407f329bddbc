/**
 * The status document as lines of text that fit a terminal: what is asked for most stands above, lists give way first
 * where there is not enough room. Pure; runs in the command line.
 */
import type { BackendStatus, RegistryReport, StatusDocument } from '../../console/statusDocument.js';
import { age, count, duration, megabytes, percent, perSecond, printable, timeOfDay } from './figures.js';

export type Style = 'plain' | 'strong' | 'faint' | 'good' | 'poor' | 'bad';

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

export interface Room {
  readonly columns: number;
  readonly rows: number;
}

interface Section {
  readonly lines: readonly Line[];
  /** Lines that stay when there is no room; what is left out is counted. */
  readonly least: number;
}

const span = (text: string, style: Style = 'plain'): Span => ({ text: printable(text), style });
const line = (...spans: (Span | string)[]): Line =>
  spans.map((part) => (typeof part === 'string' ? span(part) : part));
const heading = (text: string): Line => line(span(text, 'strong'));

/** @param note a line above everything, for what the document cannot know */
export function statusLines(document: StatusDocument, room: Room, note?: string): readonly Line[] {
  const top = [...(note === undefined ? [] : [line(span(note, 'bad'))]), titleLine(document)];
  const sections: readonly Section[] = [
    { lines: top, least: top.length },
    problems(document),
    load(document),
    backends(document),
    chain(document),
    gpus(document),
    challenges(document),
    requests(document),
  ];
  return fitted(sections, room.rows).map((content) => cut(content, room.columns));
}

/** Lists give way from the last section up, each to its least. */
function fitted(sections: readonly Section[], rows: number): Line[] {
  const shown = sections.filter(({ lines }) => lines.length > 0);
  const kept = shown.map(({ lines }) => lines.length);
  // A blank line stands between two sections.
  const total = (): number => kept.reduce((sum, lines) => sum + lines, 0) + shown.length - 1;
  for (let at = shown.length - 1; at >= 0 && total() > rows; at--) {
    const over = total() - rows;
    kept[at] = Math.max(Math.min(shown[at]!.least, kept[at]!), kept[at]! - over);
  }
  const all = shown.flatMap(({ lines }, at) => {
    const most = kept[at]!;
    const left = lines.length - most;
    const visible =
      left === 0 || most < 2
        ? lines.slice(0, most)
        : [...lines.slice(0, most - 1), line(span(`  … ${left + 1} more`, 'faint'))];
    return at === 0 ? visible : [line(''), ...visible];
  });
  return all.slice(0, rows);
}

function cut(content: Line, columns: number): Line {
  const spans: Span[] = [];
  let left = columns;
  for (const { text, style } of content) {
    const characters = Array.from(text);
    if (characters.length > left) {
      if (left > 0) spans.push({ text: `${characters.slice(0, left - 1).join('')}…`, style });
      break;
    }
    spans.push({ text, style });
    left -= characters.length;
  }
  return spans;
}

function titleLine({ version, identity, state, uptimeS }: StatusDocument): Line {
  const { address, chainId, listenAddress, port } = identity;
  const style = state === 'serving' ? 'good' : state === 'draining' ? 'poor' : 'bad';
  return line(
    span(`fxn ${version}`, 'strong'),
    '  ',
    span(state.replace('_', ' '), style),
    `  up ${age(uptimeS)}  ${address}  chain ${chainId}  ${listenAddress}:${port}`,
  );
}

function problems({ problems: all }: StatusDocument): Section {
  const lines = all.flatMap(({ severity, subject, reason, remedy }) => [
    line(
      span(severity === 'blocking' ? '✗ ' : '! ', severity === 'blocking' ? 'bad' : 'poor'),
      `${subject}: ${reason}`,
    ),
    line(span(`  -> ${remedy}`, 'faint')),
  ]);
  return { lines, least: 2 };
}

function load(document: StatusDocument): Section {
  const { requests: r, tokens, timeToFirstToken: first, fronts, process: own } = document;
  const { '4xx': client, '5xx': server, left } = r.byStatus;
  const label = (text: string): Span => span(text.padEnd(10), 'strong');
  const lines = [
    line(
      label('Requests'),
      `${perSecond(r.perSecond)}  `,
      span(`errors ${perSecond(r.errorsPerSecond)}`, (r.errorsPerSecond ?? 0) > 0 ? 'bad' : 'plain'),
      `  streams ${r.openStreams}  in flight ${r.inFlight}  `,
      span(`queued ${r.queued}`, r.queued > 0 ? 'poor' : 'plain'),
    ),
    line(label('Tokens'), `${perSecond(tokens.inputPerSecond)} in  ${perSecond(tokens.outputPerSecond)} out`),
    line(
      label('Latency'),
      `first token ${duration(first.p50Ms)}, 95th ${duration(first.p95Ms)}  request ${duration(r.duration.p50Ms)}, 95th ${duration(r.duration.p95Ms)}`,
      span(`  last ${age(first.windowS)}`, 'faint'),
    ),
    line(
      label('Total'),
      `${count(r.total)} requests  4xx ${count(client)}  5xx ${count(server)}  left ${count(left)}  cut or failed ${count(r.errors)}  ${count(tokens.input)} tokens in, ${count(tokens.output)} out`,
    ),
    line(
      label('Process'),
      `${fronts.serving} of ${fronts.configured} fronts  ${fronts.restarts} restarts  CPU ${percent(own.cpuPercent)}  memory ${megabytes(own.residentBytes)}  process ${own.pid}`,
    ),
  ];
  return { lines, least: 3 };
}

function backends({ models, backends: all }: StatusDocument): Section {
  const width = Math.max(0, ...all.map(({ label }) => label.length));
  const queues = models
    .filter(({ queued }) => queued > 0)
    .map(({ name, queued, maxQueued }) =>
      line(span(`  ${name}: ${queued} of at most ${maxQueued} requests wait`, 'poor')),
    );
  return {
    lines: [heading('Backends'), ...all.map((backend) => backendLine(backend, width)), ...queues],
    least: 3,
  };
}

function backendLine(backend: BackendStatus, width: number): Line {
  const { label, model, upstreamModel, kind, provider, isUp, isModelListed, breaker } = backend;
  const state =
    isUp === null
      ? span('unknown', 'faint')
      : !isUp
        ? span('down   ', 'bad')
        : breaker !== 'closed'
          ? span('resting', 'poor')
          : isModelListed === false
            ? span('no model', 'bad')
            : span('up     ', 'good');
  const as = upstreamModel === null || upstreamModel === model ? '' : ` as ${upstreamModel}`;
  return line(
    '  ',
    span(label.padEnd(width)),
    '  ',
    state,
    `  ${(kind ?? provider).padEnd(8)}  ${String(backend.inFlight).padStart(3)} of ${backend.maxConcurrency}  ${model}${as}`,
  );
}

function chain({ chain: known }: StatusDocument): Section {
  if (known === null) {
    const silence = line(span('  the thread that reads the chain does not answer', 'bad'));
    return { lines: [heading('Chain'), silence], least: 2 };
  }
  const { gateway, provider, registration, rpcEndpoints } = known;
  const lines = [
    line(
      span('Chain', 'strong'),
      '  registration ',
      span(registration, registration === 'active' ? 'good' : 'poor'),
    ),
    registryLine('gateway', gateway),
    registryLine('provider', provider),
    ...rpcEndpoints.map(({ label, state, blockNumber, reason }) =>
      line(
        `  ${label}  `,
        span(state.replace('_', ' '), state === 'ok' ? 'good' : state === 'unknown' ? 'faint' : 'poor'),
        ...(blockNumber === null ? [] : [`  block ${blockNumber}`]),
        ...(reason === null ? [] : [span(`  ${reason}`, 'faint')]),
      ),
    ),
  ];
  return { lines, least: 3 };
}

const registryLine = (name: string, { isFresh, ageMs, entries, blockNumber }: RegistryReport): Line =>
  line(
    `  ${name.padEnd(8)}  `,
    isFresh ? span('fresh', 'good') : span('stale', 'bad'),
    `  read ${ageMs === null ? 'never' : `${age(ageMs / 1_000)} ago`}  ${entries ?? '-'} ${entries === 1 ? 'entry' : 'entries'}  block ${blockNumber ?? '-'}`,
  );

function gpus({ gpus: { list } }: StatusDocument): Section {
  if (list.length === 0) return { lines: [], least: 0 };
  const lines = list.map(
    ({ index, name, utilizationPercent, memoryUsedMiB, memoryTotalMiB, temperatureC, powerW }) =>
      line(
        `  ${index}  ${name ?? 'unknown GPU'}  busy ${percent(utilizationPercent)}  memory ${memoryUsedMiB ?? '-'} of ${memoryTotalMiB ?? '-'} MiB  ${temperatureC ?? '-'} °C  ${powerW === null ? '-' : Math.round(powerW)} W`,
      ),
  );
  return { lines: [heading('GPUs'), ...lines], least: 2 };
}

function challenges({ challenges: { recent } }: StatusDocument): Section {
  if (recent.length === 0) return { lines: [], least: 0 };
  const lines = recent.map(({ atMs, type, outcome, durationMs, reason }) =>
    line(
      `  ${timeOfDay(atMs)}  ${type}  `,
      span(outcome, outcome === 'answered' ? 'good' : 'poor'),
      `  ${duration(durationMs)}`,
      ...(reason === null ? [] : [span(`  ${reason}`, 'faint')]),
    ),
  );
  return { lines: [heading('Challenges'), ...lines], least: 2 };
}

function requests({ recentRequests }: StatusDocument): Section {
  if (recentRequests.length === 0) return { lines: [], least: 0 };
  const lines = recentRequests.map((request) => {
    const { atMs, status, endpoint, model, durationMs, firstTokenMs, outputTokens, errorCode } = request;
    const isWell = status < 400 && errorCode === null;
    return line(
      `  ${timeOfDay(atMs)}  `,
      span(String(status), isWell ? 'good' : status < 500 ? 'poor' : 'bad'),
      `  ${endpoint}  ${model ?? '-'}  ${duration(durationMs)}`,
      ...(firstTokenMs === null ? [] : [`  first token ${duration(firstTokenMs)}`]),
      ...(outputTokens === null ? [] : [`  ${outputTokens} tokens`]),
      ...(errorCode === null ? [] : [span(`  ${errorCode}`, 'poor')]),
    );
  });
  return { lines: [heading('Last requests'), ...lines], least: 2 };
}

/** One moment in one line, for a log. */
export function plainStatusLine(document: StatusDocument): string {
  const { atMs, state, requests: r, tokens, timeToFirstToken: first, backends: all } = document;
  return [
    timeOfDay(atMs),
    state,
    `requests ${perSecond(r.perSecond)}`,
    `errors ${perSecond(r.errorsPerSecond)}`,
    `tokens ${perSecond(tokens.inputPerSecond)} in ${perSecond(tokens.outputPerSecond)} out`,
    `streams ${r.openStreams}`,
    `queued ${r.queued}`,
    `first token ${duration(first.p50Ms)}, 95th ${duration(first.p95Ms)}`,
    `backends ${all.filter(({ isUp }) => isUp === true).length} of ${all.length} up`,
  ].join('  ');
}
