/**
 * How a test makes a front of its node fail, or collect its garbage: a file in a folder, which main turns into a
 * message to the front.
 */
export const frontCommands = [
  'throw',
  'reject',
  /** Never returns to the event loop. */
  'spin',
  /** Allocates until V8 gives up. */
  'exhaust',
  /** Collects garbage and tells what is left. Main does the same. */
  'collect',
] as const;
export type FrontCommand = (typeof frontCommands)[number];

export interface FrontOrder {
  readonly front: number;
  readonly command: FrontCommand;
}

/** Name of the channel on which a node's fronts hear their orders. */
export const orderChannel = 'front orders';

/** Name of the file that is the order: one that appears is complete, as one that is being written would not be. */
export const orderFile = ({ front, command }: FrontOrder): string => `front-${front}-${command}`;

export function readOrder(file: string): FrontOrder | undefined {
  const [, front, name] = /^front-(\d+)-(\w+)$/.exec(file) ?? [];
  const command = frontCommands.find((each) => each === name);
  return command === undefined ? undefined : { front: Number(front), command };
}
