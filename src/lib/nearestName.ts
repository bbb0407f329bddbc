/** What was probably meant by a name that is not known: the "did you mean" of every message. Runs everywhere. */

/** Letter case and the separators of other naming styles say nothing about what was meant. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_\- ]/g, '');

/** Names longer than this are no slips of the finger, and the distance costs the product of both lengths. */
const maxNameLength = 64;

/**
 * How many insertions, deletions, substitutions and swaps of neighbours lie between two names (optimal string
 * alignment), letter case and `_`, `-` not counted; `Infinity` when that is too many to be a misspelling.
 */
export function nameDistance(left: string, right: string): number {
  const a = fold(left);
  const b = fold(right);
  if (a === b) return 0;
  const tolerated = Math.min(3, Math.max(1, Math.floor(Math.max(a.length, b.length) / 3)));
  if (Math.abs(a.length - b.length) > tolerated) return Number.POSITIVE_INFINITY;
  if (Math.max(a.length, b.length) > maxNameLength) return Number.POSITIVE_INFINITY;

  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + substitution,
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforePrevious[column - 2]! + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  const distance = previous[b.length]!;
  return distance > tolerated ? Number.POSITIVE_INFINITY : distance;
}

/** The candidate nearest to the name, the first of equals; `undefined` when none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = nameDistance(name, candidate);
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}
