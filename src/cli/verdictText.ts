/** A verifier's verdict in a few lines for a terminal. Runs in the command line. */
import { checksumAddress } from '../keys/checksumAddress.js';
import type { NodeClaim, Place, Verdict } from '../verifier/verdict.js';
import { durationWords } from './answerSummary.js';

export function verdictText(node: string, verdict: Verdict): string {
  const head = `${checksumAddress(verdict.address)}  ${node}  ${outcomeWords(verdict)}`;
  const lines = verdict.verified
    ? [workWords(verdict), soundnessWords(verdict)]
    : [
        `${verdict.detail}${placeWords(verdict.place)}`,
        ...(verdict.timeMs === null ? [] : [workWords(verdict)]),
      ];
  return [head, ...lines.map((line) => `  ${line}`)].join('\n');
}

function outcomeWords({ verified, reason }: Verdict): string {
  if (verified) return 'verified';
  return reason === 'unreachable' ? reason : `refused: ${reason}`;
}

function workWords({ size, rounds, timeMs, tops, claim }: Verdict): string {
  const took = timeMs === null ? 'no time' : durationWords(timeMs);
  const speed = tops === null ? '' : `, ${topsWords(tops)}`;
  return `size ${size}, ${countOf(rounds, 'round')}: ${took}${speed}${claimWords(claim)}`;
}

function claimWords(claim: NodeClaim | null): string {
  if (claim === null) return '';
  const { timeMs, tops, backend, device } = claim;
  const parts = [
    ...(timeMs === null ? [] : [durationWords(timeMs)]),
    ...(tops === null ? [] : [topsWords(tops)]),
    ...(backend === null ? [] : [backend]),
    ...(device === null ? [] : [device]),
  ];
  return parts.length === 0 ? '' : ` (the node says: ${parts.join(', ')})`;
}

function soundnessWords({ rows, size, passChances }: Verdict): string {
  if (rows === size) return `all ${countOf(rows, 'row')} opened in each round`;
  const chances = passChances.map(
    ({ skippedShare, chance }) => `${percent(skippedShare)} → ${percent(chance)}`,
  );
  return `${countOf(rows, 'row')} opened in each round; chance to pass with rows skipped: ${chances.join(', ')}`;
}

function placeWords({ step, round, row }: Place): string {
  if (step === 'commitment') return '';
  return ` (opening of round ${round}${row === null ? '' : `, row ${row}`})`;
}

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
const topsWords = (tops: number): string => `${Number(tops.toPrecision(3))} TOPS`;
