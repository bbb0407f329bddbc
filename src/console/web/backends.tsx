/** Models and the servers behind them. Runs in the browser. */
import type { BackendStatus, ModelStatus } from '../statusDocument.js';
import { count } from './format.js';
import { Badge, Clipped, DataTable, Empty, Meter, Panel, type TableColumn } from './parts.js';

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
    { title: 'Health', cell: (backend) => <Health backend={backend} /> },
    {
      title: 'Model',
      cell: ({ model, upstreamModel }) => (
        <>
          <Clipped text={model} />
          {byName.get(model)?.isDefault === true && <span class="tag">default</span>}
          {upstreamModel !== null && upstreamModel !== model && <div class="sub">there: {upstreamModel}</div>}
        </>
      ),
    },
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
