/** Models and the servers behind them, and GPUs. Runs in the browser. */
import type { BackendStatus, GpuStatus, GpusStatus, ModelStatus } from '../statusDocument.js';
import { bytes, clockTime, count, unknownText } from './format.js';
import { Badge, DataTable, Empty, Meter, Panel, type TableColumn } from './parts.js';

export function Backends({
  models,
  backends,
}: {
  models: readonly ModelStatus[];
  backends: readonly BackendStatus[];
}) {
  const byName = new Map(models.map((model) => [model.name, model]));
  const columns: readonly TableColumn<BackendStatus>[] = [
    { title: 'Backend', cell: ({ label }) => label },
    {
      title: 'Model',
      cell: ({ model, upstreamModel }) => (
        <>
          {model}
          {byName.get(model)?.isDefault === true && <span class="tag">default</span>}
          {upstreamModel !== null && upstreamModel !== model && <div class="sub">there: {upstreamModel}</div>}
        </>
      ),
    },
    { title: 'Health', cell: (backend) => <Health backend={backend} /> },
    { title: 'Breaker', cell: ({ breaker }) => <Breaker state={breaker} /> },
    {
      title: 'In flight',
      kind: 'number',
      cell: ({ inFlight, maxConcurrency }) => (
        <>
          {inFlight} of {maxConcurrency}
          <Meter value={inFlight} of={maxConcurrency} label={`${inFlight} of ${maxConcurrency} in flight`} />
        </>
      ),
    },
    {
      title: 'Waiting for the model',
      kind: 'number',
      cell: ({ model }) => `${byName.get(model)?.queued ?? 0} of ${byName.get(model)?.maxQueued ?? 0}`,
    },
    { title: 'Kind', isMinor: true, cell: ({ kind, provider }) => kind ?? `${provider}, unconfirmed` },
    { title: 'Weight', kind: 'number', isMinor: true, cell: ({ weight }) => count(weight) },
  ];
  return (
    <Panel title="Models and backends" id="backends">
      {backends.length === 0 ? (
        <Empty>No model is configured. Add one to model_backend.yaml and reload.</Empty>
      ) : (
        <DataTable
          caption="Models and backends"
          columns={columns}
          rows={backends}
          keyOf={({ model, label, upstreamModel }) => `${model} ${label} ${upstreamModel}`}
        />
      )}
    </Panel>
  );
}

function Health({ backend: { isUp, isModelListed } }: { backend: BackendStatus }) {
  if (isUp === null) return <Badge tone="plain">not checked yet</Badge>;
  if (!isUp) return <Badge tone="bad">does not answer</Badge>;
  return isModelListed === false ? (
    <Badge tone="warn">model not listed</Badge>
  ) : (
    <Badge tone="good">answers</Badge>
  );
}

function Breaker({ state }: { state: BackendStatus['breaker'] }) {
  switch (state) {
    case 'closed':
      return <Badge tone="good">closed</Badge>;
    case 'half_open':
      return <Badge tone="warn">one request tries</Badge>;
    case 'open':
      return <Badge tone="bad">open, gets nothing</Badge>;
  }
}

const missingWords = {
  not_sampled: 'GPUs are not sampled yet.',
  no_gpu: 'No GPU was found on this machine. Figures appear here once one is.',
  stale: 'The last figures are too old to be shown.',
} as const;

export function Gpus({ gpus }: { gpus: GpusStatus }) {
  const columns: readonly TableColumn<GpuStatus>[] = [
    { title: 'GPU', cell: ({ index, name }) => `${index} ${name ?? ''}` },
    { title: 'Busy', kind: 'number', cell: ({ utilizationPercent: busy }) => withUnit(busy, '%') },
    {
      title: 'Memory',
      kind: 'number',
      cell: ({ memoryUsedMiB: used, memoryTotalMiB: total }) => (
        <>
          {mebibytes(used)} of {mebibytes(total)}
          {used !== null && total !== null && <Meter value={used} of={total} label="memory in use" />}
        </>
      ),
    },
    { title: 'Temperature', kind: 'number', cell: ({ temperatureC }) => withUnit(temperatureC, '°C') },
    { title: 'Power', kind: 'number', cell: ({ powerW }) => withUnit(powerW, 'W') },
    { title: 'Driver', isMinor: true, cell: ({ driverVersion }) => driverVersion ?? unknownText },
  ];
  const aside = gpus.sampledAtMs === null ? undefined : `from ${gpus.source}, ${clockTime(gpus.sampledAtMs)}`;
  return (
    <Panel title="GPUs" aside={aside}>
      {gpus.list.length === 0 ? (
        <Empty>
          {missingWords[gpus.missing ?? 'no_gpu']}
          {gpus.lastError !== null && ` ${gpus.lastError}.`}
        </Empty>
      ) : (
        <DataTable caption="GPUs" columns={columns} rows={gpus.list} keyOf={({ index }) => index} />
      )}
    </Panel>
  );
}

const mebibytes = (value: number | null): string => bytes(value === null ? null : value * 1_048_576);
const withUnit = (value: number | null, unit: string): string =>
  value === null ? unknownText : `${count(value)} ${unit}`;
