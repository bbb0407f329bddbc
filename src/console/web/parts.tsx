/** What the sections of the page are made of. Runs in the browser. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

/** A word with a mark whose shape says the same as its colour. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true" class="mark" />
      {children}
    </span>
  );
}

interface PanelProps {
  readonly title: string;
  readonly id?: string;
  /** Beside the title. */
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Panel({ title, id, aside, class: extra = '', children }: PanelProps) {
  const heading = useId();
  return (
    <section class={`panel ${extra}`} id={id} aria-labelledby={heading}>
      <header class="panel-head">
        <h2 id={heading}>{title}</h2>
        {aside !== undefined && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export interface TableColumn<Row> {
  readonly title: string;
  /** `number` is set to the right. */
  readonly kind?: 'number' | 'text';
  /** Left out where there is little room. */
  readonly isMinor?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface DataTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly TableColumn<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  /** Long enough to be scrolled by itself. */
  readonly isTall?: boolean;
}

/** The first column names the row. Where it is wider than the page it is moved sideways, by hand or by keys. */
export function DataTable<Row>({ caption, columns, rows, keyOf, isTall = false }: DataTableProps<Row>) {
  const classOf = ({ kind = 'text', isMinor = false }: TableColumn<Row>): string =>
    `${kind}${isMinor ? ' minor' : ''}`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keys.
    <section class={`scroll${isTall ? ' tall' : ''}`} aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, place) =>
                place === 0 ? (
                  <th key={column.title} scope="row" class={classOf(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.title} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A name that may be longer than there is room for; whole on a long look. */
export function Clipped({ text }: { text: string }) {
  return (
    <span class="clipped" title={text}>
      {text}
    </span>
  );
}

/** Names and values, one a line. */
export function Facts({ items }: { items: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** How full something is. */
export function Meter({ value, of, label }: { value: number; of: number; label: string }) {
  const share = of === 0 ? 0 : Math.min(1, value / of);
  return (
    <span class="meter" title={label}>
      <span
        class={`fill${share >= 0.9 ? ' full' : ''}`}
        style={{ width: `${Math.round(share * 100)}%` }}
        aria-hidden="true"
      />
    </span>
  );
}
