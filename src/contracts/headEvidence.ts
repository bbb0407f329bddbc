/**
 * Whether a claimed newest block may be believed. One endpoint that once claims a far too high number must neither
 * push the honest endpoints aside nor leave behind a floor that no honest block reaches. Three rules do that,
 * none of which needs the endpoints to be in step or this machine's clock to be right to the minute:
 *
 * - Height and time grow together. Two heads whose numbers are further apart than their timestamps allow cannot
 *   both be true, and the one that contradicts more endpoints is doubted; between equals it is the higher one. An
 *   endpoint that is stuck, by months even, has an old timestamp and contradicts nobody.
 * - A doubted head is read only when every other endpoint fails and the last good read vouches for it.
 * - A head counts as older than the last good read only when its number is lower and its timestamp no later. So a
 *   number that was made up stands in the way until the next honest block, a timestamp that was made up for
 *   `maxAheadS` at most, after a restart too.
 *
 * An only endpoint is believed; what it cannot show the contracts at is never kept. Runs in the registry thread and the command line.
 */

export interface HeadClaim {
  readonly number: number;
  /** Unix seconds. */
  readonly timestampS: number;
}

/** Blocks that two heads may be apart whatever their timestamps say. */
const slackBlocks = 1_000;
/** More than any chain makes. */
const maxBlocksPerS = 20;
/** A timestamp later than this after the moment it was seen at counts as this. */
const maxAheadS = 300;

/** The timestamp, or the latest one that is believed of a block seen at that time. */
export const believedTimestampS = (timestampS: number, seenAtMs: number): number =>
  Math.min(timestampS, Math.floor(seenAtMs / 1000) + maxAheadS);

/** Whether the head may be a later one of the chain that `earlier` belongs to. */
export function mayFollow(head: HeadClaim, earlier: HeadClaim): boolean {
  const elapsedS = Math.max(0, head.timestampS - earlier.timestampS);
  return head.number - earlier.number <= slackBlocks + maxBlocksPerS * elapsedS;
}

/** Whether the head is one from before `seen`. */
export const isOlder = (head: HeadClaim, seen: HeadClaim): boolean =>
  head.number < seen.number && head.timestampS <= seen.timestampS;

/** Which of the heads are doubted, by their order; the timestamps are believed ones. Never all of them. */
export function doubtedHeads(heads: readonly HeadClaim[]): readonly boolean[] {
  const contradicts = (a: HeadClaim, b: HeadClaim): boolean => !(mayFollow(a, b) && mayFollow(b, a));
  const contradictions = heads.map((head) => heads.filter((other) => contradicts(head, other)).length);
  return heads.map((head, index) =>
    heads.some((other, otherIndex) => {
      const more = (contradictions[index] as number) - (contradictions[otherIndex] as number);
      return contradicts(head, other) && (more > 0 || (more === 0 && head.number > other.number));
    }),
  );
}
