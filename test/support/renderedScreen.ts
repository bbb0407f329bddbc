/**
 * What a terminal shows after the bytes that a program wrote: enough of one for programs that draw a whole screen. Knows
 * no other control sequences than these draw with, and says so.
 */

export class RenderedScreen {
  readonly #columns: number;
  readonly #rows: number;
  #cells: string[][];
  #before: string[][] | undefined;
  #row = 0;
  #column = 0;
  #rest = '';
  /** Whether the other screen is shown that programs draw on. */
  isAlternate = false;
  isCursorShown = true;
  wraps = true;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
    this.#cells = this.#blank();
  }

  /** Without spaces at the ends. */
  get lines(): readonly string[] {
    return this.#cells.map((cells) => cells.join('').trimEnd());
  }

  write(text: string): void {
    let rest = this.#rest + text;
    while (rest !== '') {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are read here
      const [, parameters = '', kind = ''] = /^\x1b\[([?\d;]*)([A-Za-z])/.exec(rest) ?? [];
      if (kind !== '') {
        this.#control(parameters, kind);
        rest = rest.slice(2 + parameters.length + 1);
      } else if (rest.startsWith('\x1b')) {
        // The rest of it has not come yet.
        if (rest.length > 12)
          throw new Error(`unknown control sequence ${JSON.stringify(rest.slice(0, 12))}`);
        break;
      } else {
        const [character = ''] = rest;
        this.#put(character);
        rest = rest.slice(character.length);
      }
    }
    this.#rest = rest;
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#newLine();
    else if (character >= ' ') {
      if (this.#column === this.#columns) {
        if (this.wraps) {
          this.#column = 0;
          this.#newLine();
        } else this.#column--;
      }
      this.#cells[this.#row]![this.#column++] = character;
    }
  }

  #newLine(): void {
    if (this.#row < this.#rows - 1) {
      this.#row++;
      return;
    }
    this.#cells.shift();
    this.#cells.push(Array<string>(this.#columns).fill(' '));
  }

  #control(parameters: string, kind: string): void {
    switch (`${parameters}${kind}`) {
      case 'H':
        this.#row = 0;
        this.#column = 0;
        return;
      case 'K':
        this.#cells[this.#row]!.fill(' ', this.#column);
        return;
      case 'J':
        this.#cells[this.#row]!.fill(' ', this.#column);
        for (const cells of this.#cells.slice(this.#row + 1)) cells.fill(' ');
        return;
      case '?1049h':
        this.#before = this.#cells;
        this.#cells = this.#blank();
        this.isAlternate = true;
        return;
      case '?1049l':
        this.#cells = this.#before ?? this.#blank();
        this.isAlternate = false;
        return;
      case '?25h':
      case '?25l':
        this.isCursorShown = kind === 'h';
        return;
      case '?7h':
      case '?7l':
        this.wraps = kind === 'h';
        return;
      case '?2026h':
      case '?2026l':
        return;
      default:
        if (kind !== 'm') throw new Error(`unknown control sequence ${parameters}${kind}`);
    }
  }

  #blank(): string[][] {
    return Array.from({ length: this.#rows }, () => Array<string>(this.#columns).fill(' '));
  }
}
