/** The last requests and challenges. Runs in the browser. */
import { useState } from 'preact/hooks';
import type { RecentChallenge, RecentRequest } from '../statusDocument.js';
import { bytes, clockTime, count, duration, shortAddress, unknownText } from './format.js';
import { Badge, Clipped, DataTable, Empty, Panel, type TableColumn, type Tone } from './parts.js';

const columns: readonly TableColumn<RecentRequest>[] = [
  { title: 'Time', cell: ({ atMs }) => clockTime(atMs) },
  { title: 'Status', cell: (request) => <Outcome request={request} /> },
  { title: 'Endpoint', isMinor: true, cell: ({ endpoint }) => endpoint },
  { title: 'Model', cell: ({ model }) => (model === null ? unknownText : <Clipped text={model} />) },
  { title: 'Backend', isMinor: true, cell: ({ backend }) => backend ?? unknownText },
  { title: 'Caller', cell: ({ caller }) => <Caller address={caller} /> },
  { title: 'Duration', kind: 'number', cell: ({ durationMs }) => duration(durationMs) },
  { title: 'First token', kind: 'number', cell: ({ firstTokenMs }) => duration(firstTokenMs) },
  { title: 'Tokens in, out', kind: 'number', cell: (request) => tokens(request) },
  {
    title: 'Bytes in, out',
    kind: 'number',
    isMinor: true,
    cell: ({ receivedBytes, sentBytes }) => `${bytes(receivedBytes)}, ${bytes(sentBytes)}`,
  },
  { title: 'Request id', isMinor: true, cell: ({ id }) => <code title={id}>{id.slice(0, 8)}</code> },
];

export function Requests({ requests }: { requests: readonly RecentRequest[] }) {
  const [isFailedOnly, setFailedOnly] = useState(false);
  const [held, setHeld] = useState<readonly RecentRequest[]>();
  const shown = (held ?? requests).filter((request) => !isFailedOnly || toneOf(request) !== 'good');
  const controls = (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={isFailedOnly}
          onChange={(event) => setFailedOnly(event.currentTarget.checked)}
        />
        Failed only
      </label>
      <button
        type="button"
        aria-pressed={held !== undefined}
        onClick={() => setHeld(held === undefined ? requests : undefined)}
      >
        {held === undefined ? 'Hold' : 'Go on'}
      </button>
    </>
  );
  return (
    <Panel title="Recent requests" id="requests" aside={controls}>
      {shown.length === 0 ? (
        <Empty>
          {isFailedOnly && requests.length > 0
            ? 'None of the last requests has failed.'
            : 'No request has ended yet. The last ones appear here, without anything of their content.'}
        </Empty>
      ) : (
        <DataTable
          caption="Recent requests"
          columns={columns}
          rows={shown}
          keyOf={({ number }) => number}
          isTall
        />
      )}
    </Panel>
  );
}

function toneOf({ status, end }: RecentRequest): Tone {
  if (status >= 500 || end === 'cut') return 'bad';
  return status >= 400 || end === 'client_closed' ? 'warn' : 'good';
}

function Outcome({ request }: { request: RecentRequest }) {
  const { status, end, errorCode } = request;
  const words = errorCode ?? (end === 'cut' ? 'cut' : end === 'client_closed' ? 'client left' : '');
  return (
    <Badge tone={toneOf(request)}>
      {status} {words !== '' && <Clipped text={words} />}
    </Badge>
  );
}

function Caller({ address }: { address: string | null }) {
  if (address === null) return <>{unknownText}</>;
  return <code title={address}>{shortAddress(address)}</code>;
}

function tokens({ inputTokens, outputTokens, areTokensEstimated }: RecentRequest): string {
  if (inputTokens === null) return unknownText;
  return `${areTokensEstimated ? '≈ ' : ''}${count(inputTokens)}, ${count(outputTokens)}`;
}

const challengeColumns: readonly TableColumn<RecentChallenge>[] = [
  { title: 'Time', cell: ({ atMs }) => clockTime(atMs) },
  { title: 'Type', cell: ({ type }) => <Clipped text={type} /> },
  {
    title: 'Outcome',
    cell: ({ outcome }) => (
      <Badge tone={outcome === 'answered' ? 'good' : outcome === 'left' ? 'plain' : 'warn'}>{outcome}</Badge>
    ),
  },
  { title: 'Duration', kind: 'number', cell: ({ durationMs }) => duration(durationMs) },
  { title: 'Reason', cell: ({ reason }) => reason ?? unknownText },
  { title: 'Caller', isMinor: true, cell: ({ caller }) => <Caller address={caller} /> },
];

export function Challenges({ recent }: { recent: readonly RecentChallenge[] }) {
  return (
    <Panel title="Challenges" id="challenges">
      {recent.length === 0 ? (
        <Empty>No challenge has come yet. The network's scheduler sends them to registered providers.</Empty>
      ) : (
        <DataTable
          caption="Last challenges"
          columns={challengeColumns}
          rows={recent}
          keyOf={({ atMs, id }) => `${atMs} ${id}`}
          isTall
        />
      )}
    </Panel>
  );
}
