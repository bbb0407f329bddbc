/** GPUs, and what multiplies matrices for challenges. Runs in the browser. */
import type { EngineStatus, GpuStatus, GpusStatus } from '../statusDocument.js';
import { bytes, clockTime, count, unknownText } from './format.js';
import { Badge, DataTable, Empty, Meter, Panel, type TableColumn } from './parts.js';

const engineTones = { ready: 'good', starting: 'plain', disabled: 'plain' } as const;

const engineColumns: readonly TableColumn<EngineStatus>[] = [
  { title: 'Engine', cell: ({ name }) => name },
  { title: 'State', cell: ({ state }) => <Badge tone={engineTones[state]}>{state}</Badge> },
  { title: 'Device, or why not', cell: ({ device, reason }) => reason ?? device ?? unknownText },
];

const missingWords = {
  not_sampled: 'GPUs are not sampled yet.',
  no_gpu: 'No GPU was found on this machine. Figures appear here once one is.',
  stale: 'The last figures are too old to be shown.',
} as const;

export function Compute({ gpus, engines }: { gpus: GpusStatus; engines: readonly EngineStatus[] }) {
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
    <Panel title="GPUs and compute engines" id="compute" aside={aside}>
      {gpus.list.length === 0 ? (
        <Empty>
          {missingWords[gpus.missing ?? 'no_gpu']}
          {gpus.lastError !== null && ` ${gpus.lastError}.`}
        </Empty>
      ) : (
        <DataTable caption="GPUs" columns={columns} rows={gpus.list} keyOf={({ index }) => index} />
      )}
      <DataTable
        caption="Compute engines"
        columns={engineColumns}
        rows={engines}
        keyOf={({ name }) => name}
      />
    </Panel>
  );
}

const mebibytes = (value: number | null): string => bytes(value === null ? null : value * 1_048_576);
const withUnit = (value: number | null, unit: string): string =>
  value === null ? unknownText : `${count(value)} ${unit}`;
