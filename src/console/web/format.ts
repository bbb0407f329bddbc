/** Figures as people read them; a dash for what is not known. Pure; runs in the browser. */

export const unknownText = '–';

/** At most three digits: `0.25`, `3.1`, `412`, `12.3k`, `4.5M`. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return unknownText;
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e4],
  ] as const) {
    if (Math.abs(value) >= size) return `${digits(value / (unit === 'k' ? 1e3 : size))}${unit}`;
  }
  return digits(value);
}

function digits(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(Math.abs(value) >= 10 ? 3 : 2)));
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return unknownText;
  if (ms < 1_000) return `${digits(ms)} ms`;
  if (ms < 60_000) return `${digits(ms / 1_000)} s`;
  return span(ms / 1_000);
}

/** From seconds to days, in two units. */
export function span(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) return '0 s';
  const parts: string[] = [];
  let left = Math.floor(seconds);
  for (const [unit, size] of units.slice(first, first + 2)) {
    const whole = Math.floor(left / size);
    left -= whole * size;
    if (whole > 0) parts.push(`${whole} ${unit}`);
  }
  return parts.join(' ');
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return unknownText;
  if (value < 1_024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(value) / 10));
  return `${digits(value / 1_024 ** power)} ${units[power - 1]}`;
}

/** `14:03:07` in the reader's own time. */
export const clockTime = (ms: number): string => new Date(ms).toLocaleTimeString([], { hour12: false });

export const dateTime = (ms: number): string => new Date(ms).toLocaleString([], { hour12: false });

/** `0x1234…abcd` */
export const shortAddress = (address: string): string => `${address.slice(0, 6)}…${address.slice(-4)}`;
