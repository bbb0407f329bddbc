/**
 * A terminal whose whole screen is drawn again and again in place, without flicker, and which is afterwards as it was:
 * however the program ends, unless it is killed. Runs in the command line.
 */
import { writeSync } from 'node:fs';
import type { Line, Room, Style } from './statusView.js';

export interface Screen {
  readonly room: () => Room;
  draw(lines: readonly Line[]): void;
  close(): void;
}

export interface ScreenOptions {
  readonly output: NodeJS.WriteStream & { readonly fd: number };
  readonly input: NodeJS.ReadStream;
  readonly isColoured: boolean;
  readonly onResize: () => void;
  /** `q`, or what Ctrl-C and Ctrl-D send. */
  readonly onQuit: (how: 'asked' | 'interrupted') => void;
}

/** The alternate screen, so that what was on the terminal comes back; no cursor, and no line that goes on in the next. */
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** Terminals that know these show what lies between them at once. */
const [beginFrame, endFrame] = ['\x1b[?2026h', '\x1b[?2026l'];
/** They end the process at once otherwise, with the terminal as it is. */
const endSignals = ['SIGTERM', 'SIGHUP'] as const;
const usualRoom: Room = { columns: 80, rows: 24 };

export function openScreen(options: ScreenOptions): Screen {
  const { output, input, isColoured, onResize, onQuit } = options;
  let shown = '';
  let isOpen = true;

  const onKeys = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (text.includes('\x03')) onQuit('interrupted');
    else if (text.includes('\x04') || /q/i.test(text)) onQuit('asked');
  };
  const restore = (): void => {
    if (!isOpen) return;
    isOpen = false;
    // While the process exits only this still writes.
    writeSync(output.fd, leave);
    if (input.isTTY) input.setRawMode(false);
  };
  const resized = (): void => {
    // The terminal may have moved what was there.
    shown = '';
    onResize();
  };

  const onEnd = (): void => onQuit('interrupted');
  output.write(enter);
  for (const signal of endSignals) process.on(signal, onEnd);
  output.on('resize', resized);
  process.once('exit', restore);
  if (input.isTTY) {
    input.setRawMode(true);
    input.on('data', onKeys);
    input.resume();
  }

  return {
    room: () => ({ columns: output.columns || usualRoom.columns, rows: output.rows || usualRoom.rows }),
    draw(lines) {
      const rows = lines.map((content) => `${styled(content, isColoured)}\x1b[K`).join('\r\n');
      if (rows === shown || !isOpen) return;
      shown = rows;
      output.write(`${beginFrame}\x1b[H${rows}\x1b[J${endFrame}`);
    },
    close() {
      restore();
      process.off('exit', restore);
      for (const signal of endSignals) process.off(signal, onEnd);
      output.off('resize', resized);
      input.off('data', onKeys);
      input.pause();
    },
  };
}

const codes: Readonly<Record<Style, string>> = {
  plain: '',
  strong: '\x1b[1m',
  faint: '\x1b[90m',
  good: '\x1b[32m',
  poor: '\x1b[33m',
  bad: '\x1b[31m',
};

export const styled = (content: Line, isColoured: boolean): string =>
  content
    .map(({ text, style }) => (isColoured && style !== 'plain' ? `${codes[style]}${text}\x1b[0m` : text))
    .join('');
