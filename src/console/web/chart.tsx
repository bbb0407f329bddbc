/**
 * A small chart of some columns of the history, with the newest figures beside it as text, which is also what a screen
 * reader gets. Runs in the browser.
 */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Column } from '../statusDocument.js';
import { unknownText } from './format.js';

export interface ChartSeries {
  readonly label: string;
  readonly values: Column;
  /** A custom property of page.css. */
  readonly colour: '--line-1' | '--line-2' | '--line-3' | '--line-bad';
  readonly isFilled?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly atMs: readonly number[];
  /** How much of the past is shown. */
  readonly spanS: number;
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | null) => string;
  /** The scale ends at least here. */
  readonly atLeast: number;
  /** Changes when other colours are in force. */
  readonly theme: string;
}

const heightPx = 132;
const youngS = 60;
const axisFont = '11px system-ui, sans-serif';

export function Chart({ title, atMs, spanS, series, format, atLeast, theme }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const newest = series.map(({ values }) => values.at(-1) ?? null);
  const said = series.map(({ label }, index) => `${label} ${format(newest[index] ?? null)}`).join(', ');
  const labels = series.map(({ label }) => label).join();

  // Colours, names and size are fixed when a plot is made.
  useEffect(() => {
    const target = place.current;
    if (target === null) return;
    const made = new uPlot(
      plotOptions(series, target.clientWidth, { format, atLeast, spanS }),
      dataOf(atMs, series),
      target,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: heightPx }));
    watch.observe(target);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [theme, labels, spanS]);

  useEffect(() => {
    plot.current?.setData(dataOf(atMs, series));
  }, [atMs]);

  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {series.map(({ label, colour }, index) => (
            <span key={label} class="legend-item">
              <span class="swatch" style={{ background: `var(${colour})` }} aria-hidden="true" />
              {label} <strong>{format(newest[index] ?? null)}</strong>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}: ${said}`} class="plot" />
    </figure>
  );
}

/** uPlot's unit of time is the second. */
function dataOf(atMs: readonly number[], series: readonly ChartSeries[]): uPlot.AlignedData {
  return [atMs.map((ms) => ms / 1_000), ...series.map(({ values }) => [...values])];
}

interface Scales {
  readonly format: ChartProps['format'];
  readonly atLeast: number;
  readonly spanS: number;
}

function plotOptions(
  series: readonly ChartSeries[],
  width: number,
  { format, atLeast, spanS }: Scales,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--muted'), font: axisFont, ticks: { show: false } };
  const grid = { stroke: colour('--grid'), width: 1 };
  return {
    width,
    height: heightPx,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 22, 0, 0],
    scales: {
      // A young history fills the width, once it is a minute long.
      x: {
        time: true,
        range: (_plot, from, to) => {
          const end = to ?? Date.now() / 1_000;
          return [Math.max(end - spanS, Math.min(from ?? end, end - youngS)), end];
        },
      },
      y: { range: (_plot, _from, to) => [0, Math.max(atLeast, (to ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        space: 70,
        values: [
          [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
          [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
        ],
      },
      {
        ...axis,
        grid,
        size: 58,
        space: 32,
        values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? '0' : format(tick))),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name, isFilled = false }) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        ...(isFilled ? { fill: `${colour(name)}22` } : {}),
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? unknownText : format(value)),
      })),
    ],
  };
}
