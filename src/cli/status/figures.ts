/** Numbers of the status document as words; what was not measured is a hyphen. Pure; runs in the command line. */

type Measured = number | null;

const words = (value: Measured, say: (known: number) => string): string =>
  value === null ? '-' : say(value);

/** `12`, `12.3k`, `4.5M`. */
export const count = (value: Measured): string =>
  words(value, (known) => {
    if (known < 10_000) return String(Math.round(known));
    return known < 1_000_000 ? `${(known / 1_000).toFixed(1)}k` : `${(known / 1_000_000).toFixed(1)}M`;
  });

export const perSecond = (value: Measured): string =>
  words(value, (known) => `${known < 100 ? known.toFixed(1) : count(known)}/s`);

export const duration = (value: Measured): string =>
  words(value, (known) => {
    if (known < 1_000) return `${Math.round(known)} ms`;
    return known < 60_000 ? `${(known / 1_000).toFixed(1)} s` : age(known / 1_000);
  });

/** `12 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function age(seconds: Measured): string {
  return words(seconds, (known) => {
    const whole = Math.max(0, Math.floor(known));
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
  });
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1_024 ** 2)} MB`;

export const percent = (value: Measured): string => words(value, (known) => `${Math.round(known)} %`);

/** Of the day, here. */
export const timeOfDay = (atMs: number): string => new Date(atMs).toTimeString().slice(0, 8);

/** What others say must not steer the terminal. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ');
