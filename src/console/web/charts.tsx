/** The last minutes as charts. Runs in the browser. */
import { useState } from 'preact/hooks';
import type { Column, GpuHistory, HistoryDocument } from '../statusDocument.js';
import { Chart, type ChartSeries } from './chart.js';
import { bytes, count, duration } from './format.js';
import { Panel } from './parts.js';

const spans = [
  [120, '2 min'],
  [600, '10 min'],
] as const;

export function Charts({ history, theme }: { history: HistoryDocument; theme: string }) {
  const [spanS, setSpan] = useState<number>(600);
  const shared = { atMs: history.atMs, spanS, theme };
  const chooser = (
    <fieldset class="segments">
      <legend class="unseen">Stretch of time</legend>
      {spans.map(([seconds, label]) => (
        <button key={seconds} type="button" aria-pressed={spanS === seconds} onClick={() => setSpan(seconds)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
  return (
    <Panel title="Load" id="load" aside={chooser}>
      <div class="charts">
        <Chart
          {...shared}
          title="Requests per second"
          format={count}
          atLeast={1}
          series={[
            line('requests', history.requestsPerSecond, '--line-1', true),
            line('errors', history.errorsPerSecond, '--line-bad'),
          ]}
        />
        <Chart
          {...shared}
          title="Tokens out per second"
          format={count}
          atLeast={10}
          series={[line('out', history.outputTokensPerSecond, '--line-1', true)]}
        />
        <Chart
          {...shared}
          title="Tokens in per second"
          format={count}
          atLeast={10}
          series={[line('in', history.inputTokensPerSecond, '--line-3', true)]}
        />
        <Chart
          {...shared}
          title="Time to first token"
          format={duration}
          atLeast={10}
          series={[
            line('p50', history.firstTokenP50Ms, '--line-1'),
            line('p95', history.firstTokenP95Ms, '--line-2'),
          ]}
        />
        <Chart
          {...shared}
          title="Duration of requests"
          format={duration}
          atLeast={10}
          series={[
            line('p50', history.durationP50Ms, '--line-1'),
            line('p95', history.durationP95Ms, '--line-2'),
          ]}
        />
        <Chart
          {...shared}
          title="Open now"
          format={count}
          atLeast={4}
          series={[
            line('requests', history.inFlight, '--line-1', true),
            line('streams', history.openStreams, '--line-2'),
            line('waiting', history.queued, '--line-3'),
          ]}
        />
        {history.gpus.length > 0 && <GpuCharts gpus={history.gpus} shared={shared} />}
      </div>
    </Panel>
  );
}

type Shared = { readonly atMs: readonly number[]; readonly spanS: number; readonly theme: string };

/** As many as there are colours; the table of GPUs has all of them. */
const chartedGpus = 3;
const gpuColours = ['--line-1', '--line-2', '--line-3'] as const;

function GpuCharts({ gpus, shared }: { gpus: readonly GpuHistory[]; shared: Shared }) {
  const charted = gpus.slice(0, chartedGpus);
  const series = (values: (gpu: GpuHistory) => Column): ChartSeries[] =>
    charted.map((gpu, place) => line(`GPU ${gpu.index}`, values(gpu), gpuColours[place] ?? '--line-1'));
  return (
    <>
      <Chart
        {...shared}
        title="GPU utilization"
        format={(value) => (value === null ? count(value) : `${count(value)} %`)}
        atLeast={100}
        series={series(({ utilizationPercent }) => utilizationPercent)}
      />
      <Chart
        {...shared}
        title="GPU memory in use"
        format={(value) => bytes(value === null ? null : value * 1_048_576)}
        atLeast={1_024}
        series={series(({ memoryUsedMiB }) => memoryUsedMiB)}
      />
    </>
  );
}

const line = (
  label: string,
  values: ChartSeries['values'],
  colour: ChartSeries['colour'],
  isFilled = false,
): ChartSeries => ({ label, values, colour, isFilled });
