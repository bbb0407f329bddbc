/** What the declarations of commands have in common. Runs in the command line. */
import type { Argv } from 'yargs';
import type { CliIo, StreamIo } from '../cliIo.js';

export type ActionIo = CliIo & Omit<StreamIo, 'signal'>;

/** The exit code; `undefined` when the program goes on until a signal ends it. */
export type Action = (io: ActionIo) => Promise<number | undefined>;

/** A declaration calls this with what the words ask for; nothing is done while they are parsed. */
export type Choose = (action: Action) => void;

/** Every command has `--home`. */
export type Commands = Argv<{ home: string | undefined }>;
