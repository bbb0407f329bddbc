/** The demo's steps, one line each: with a spinner on a terminal, only when done elsewhere. Runs in the demo. */
import { styleText } from 'node:util';

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Changes what the line says while the step is under way. */
export type Say = (doing: string) => void;

export interface Progress {
  /** `work` returns what the line says when it is done. */
  step<T>(name: string, doing: string, work: (say: Say) => Promise<readonly [T, string]>): Promise<T>;
  bold(text: string): string;
  dim(text: string): string;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
const nameColumns = 9;
const clearLine = '\r\x1b[2K';

export function createProgress(
  output: ProgressOutput,
  env: Readonly<Record<string, string | undefined>>,
): Progress {
  const isLive = output.isTTY === true && env['TERM'] !== 'dumb';
  const isColoured = isLive && !env['NO_COLOR'];
  type Style = 'bold' | 'dim' | 'green' | 'red';
  // Node.js 22 asks the stream itself otherwise, and 20 knows no such option and ignores it.
  const paint = (style: Style, text: string): string =>
    isColoured ? styleText(style, text, { validateStream: false }) : text;
  const line = (mark: string, name: string, text: string): string =>
    `  ${mark} ${name.padEnd(nameColumns)} ${text}`;

  return {
    bold: (text) => paint('bold', text),
    dim: (text) => paint('dim', text),
    async step(name, doing, work) {
      let now = doing;
      let frame = 0;
      const startedAtMs = performance.now();
      const draw = (): void => {
        const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
        const text = `${now} ${seconds} s`.slice(0, Math.max(20, (output.columns ?? 80) - nameColumns - 6));
        output.write(clearLine + line(frames[frame++ % frames.length]!, name, paint('dim', text)));
      };
      if (isLive) draw();
      const timer = isLive ? setInterval(draw, frameMs) : undefined;
      const end = (mark: string, text: string): void => {
        clearInterval(timer);
        output.write(`${isLive ? clearLine : ''}${line(mark, name, text)}\n`);
      };
      try {
        const [value, done] = await work((text) => {
          now = text;
        });
        end(paint('green', '✓'), done);
        return value;
      } catch (thrown) {
        end(paint('red', '✗'), now);
        throw thrown;
      }
    },
  };
}
