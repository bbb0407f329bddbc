/** The flags of the proxy benches, read once. Everything has a default, so that a bench runs without any. */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    peers: { type: 'string' },
    arms: { type: 'string' },
    counts: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    pattern: { type: 'string', default: 'spread' },
  },
});

export const peerNames = [
  'nginx',
  'haproxy',
  'node-http',
  'node-http-viem',
  'node-http-native',
  'portkey',
] as const;
export type PeerName = (typeof peerNames)[number];

export interface Options {
  /** Small counts: shows that the bench works, not what it measures. */
  readonly isSmoke: boolean;
  /** Record CPU profiles of the node and draw them. */
  readonly isProfiled: boolean;
  readonly peers: readonly PeerName[];
  /** Only these arms run; `undefined` for all. */
  readonly arms: readonly string[] | undefined;
  /** So many connections or streams at once, instead of what the bench has. */
  readonly counts: readonly number[] | undefined;
  readonly rounds: number;
  readonly seconds: number;
  /** How the mock paces its streams: evenly, or all together as batched decoding does. */
  readonly pattern: 'spread' | 'together';
  /** These flags again, for the line that says how to repeat a run. */
  readonly flags: string;
}

export function readOptions(): Options {
  const isSmoke = values.smoke;
  return {
    isSmoke,
    isProfiled: values.profile,
    peers: readPeers(values.peers),
    arms: values.arms?.split(','),
    counts: values.counts?.split(',').map((count) => readNumber('counts', count, 1)),
    rounds: readNumber('rounds', values.rounds, isSmoke ? 1 : 3),
    seconds: readNumber('seconds', values.seconds, isSmoke ? 1 : 3),
    pattern: readPattern(values.pattern),
    flags: process.argv
      .slice(2)
      .map((flag) => ` ${flag}`)
      .join(''),
  };
}

/** `node-http` stands for its two verifying variants too. */
function readPeers(text: string | undefined): PeerName[] {
  if (text === undefined) return [...peerNames];
  const wanted = text.split(',').filter((name) => name !== '');
  const unknown = wanted.filter((name) => !(peerNames as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new Error(`no peer is called ${unknown.join(', ')}; there are: ${peerNames.join(', ')}`);
  }
  return peerNames.filter(
    (name) => wanted.includes(name) || (wanted.includes('node-http') && name.startsWith('node-http-')),
  );
}

/** Peers must be asked for as peers; every arm may be left out. */
export function isWantedArm({ arms, peers }: Options, label: string, name: string): boolean {
  const isPeer = (peerNames as readonly string[]).includes(name);
  if (isPeer && !(peers as readonly string[]).includes(name)) return false;
  return arms === undefined || arms.includes(label);
}

function readPattern(text: string): Options['pattern'] {
  if (text !== 'spread' && text !== 'together') throw new Error('--pattern is "spread" or "together"');
  return text;
}

function readNumber(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1 up`);
  return value;
}
