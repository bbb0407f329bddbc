/**
 * Text that strangers wrote, such as the metadata of a contract, made fit for a terminal: control characters and marks
 * that turn the writing direction could move the cursor or make one line look like another. Runs everywhere.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** @param mostCharacters what is longer is cut, with a mark */
export function printableText(text: string, mostCharacters = 1_000): string {
  const safe = text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return safe.length > mostCharacters ? `${safe.slice(0, mostCharacters)}…` : safe;
}
