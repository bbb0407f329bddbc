/** Streamed words as an indented paragraph, broken where a word would cross the edge. Runs in the demo. */

/** Prints pieces of any size; a word that was begun is never broken. */
export function wrapText(
  write: (text: string) => void,
  { indent, columns }: { indent: string; columns: number },
) {
  let column = 0;
  return (text: string): void => {
    for (const [word] of text.matchAll(/\n|[^\S\n]*\S+|[^\S\n]+/g)) {
      if (word === '\n') {
        write('\n');
        column = 0;
        continue;
      }
      const startsWord = /^\s/.test(word);
      if (column > 0 && startsWord && column + word.length > columns) {
        write('\n');
        column = 0;
      }
      const shown = column === 0 ? indent + word.trimStart() : word;
      write(shown);
      column += shown.length;
    }
  };
}
