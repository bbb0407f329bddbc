/** The node at a glance: whether it serves and why not, and its main figures. Runs in the browser. */
import type { Problem, StatusDocument } from '../statusDocument.js';
import { bytes, count, duration } from './format.js';
import { Badge, type Tone } from './parts.js';

/** The state in words, and how it looks. */
export function stateWords(
  status: Pick<StatusDocument, 'state'>,
  isLost: boolean,
): { readonly text: string; readonly tone: Tone } {
  if (isLost) return { text: 'No answer', tone: 'bad' };
  switch (status.state) {
    case 'serving':
      return { text: 'Serving', tone: 'good' };
    case 'not_ready':
      return { text: 'Not serving', tone: 'bad' };
    case 'draining':
      return { text: 'Shutting down', tone: 'warn' };
  }
}

export function Problems({ problems }: { problems: readonly Problem[] }) {
  if (problems.length === 0) {
    return <p class="all-well">Everything that requests need is in place, and nothing asks for attention.</p>;
  }
  return (
    <ul class="problems" aria-label="What needs attention">
      {problems.map(({ severity, subject, reason, remedy }) => (
        <li key={`${subject} ${reason}`} class={severity}>
          <Badge tone={severity === 'blocking' ? 'bad' : 'warn'}>
            {severity === 'blocking' ? 'Keeps the node from serving' : 'Attention'}
          </Badge>
          <p>
            <strong>{subject}</strong>: {reason}
          </p>
          <p class="remedy">{sentence(remedy)}</p>
        </li>
      ))}
    </ul>
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

export function Tiles({ status }: { status: StatusDocument }) {
  const { requests, tokens, timeToFirstToken: first, fronts, process: own } = status;
  return (
    <dl class="tiles">
      <Tile
        name="Requests per second"
        value={count(requests.perSecond)}
        note={`${count(requests.total)} ended since the start`}
      />
      <Tile
        name="Errors per second"
        value={count(requests.errorsPerSecond)}
        note={`${count(requests.errors)} since the start`}
        isBad={(requests.errorsPerSecond ?? 0) > 0}
      />
      <Tile
        name="Tokens out per second"
        value={count(tokens.outputPerSecond)}
        note={`${count(tokens.inputPerSecond)} in per second`}
      />
      <Tile
        name="Time to first token, p50"
        value={duration(first.p50Ms)}
        note={first.count === 0 ? `no stream ended in ${first.windowS} s` : `p95 ${duration(first.p95Ms)}`}
      />
      <Tile
        name="Open requests"
        value={count(requests.inFlight)}
        note={`${count(requests.openStreams)} streams, ${count(requests.queued)} waiting`}
      />
      <Tile
        name="Processor"
        value={own.cpuPercent === null ? '–' : `${count(own.cpuPercent)} %`}
        note={`${bytes(own.residentBytes)}, ${fronts.serving} of ${fronts.configured} fronts`}
        isBad={fronts.serving < fronts.configured}
      />
    </dl>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly isBad?: boolean;
}

function Tile({ name, value, note, isBad = false }: TileProps) {
  return (
    <div class={isBad ? 'tile bad' : 'tile'}>
      <dt>{name}</dt>
      <dd class="value">{value}</dd>
      <dd class="note">{note}</dd>
    </div>
  );
}
