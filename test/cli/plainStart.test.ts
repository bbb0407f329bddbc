import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import yargs from 'yargs';
import type { Commands } from '#src/cli/commands/action.js';
import { declareStart } from '#src/cli/commands/startCommand.js';
import { readPlainStart } from '#src/cli/plainStart.js';
import type { StartOptions } from '#src/cli/start.js';

/** What the parser of the command line makes of the words; `undefined` when it does not come to a start. */
async function parsedStart(words: readonly string[]): Promise<StartOptions | undefined> {
  let options: StartOptions | undefined;
  const globals = yargs()
    .exitProcess(false)
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false })
    .option('home', { type: 'string', requiresArg: true, global: true }) as Commands;
  await declareStart(
    globals,
    () => undefined,
    (given) => {
      options = given;
      return async () => undefined;
    },
  )
    .fail(() => undefined)
    .parseAsync([...words], {}, () => undefined);
  return options;
}

describe('the words of an ordinary start', () => {
  const ordinary: readonly (readonly string[])[] = [
    ['start'],
    ['start', '--home', '/var/lib/fxn'],
    ['start', '--home=/var/lib/fxn'],
    ['start', '--home', 'a folder', '--config', 'c.yaml', '--model-backend=m=1.yaml'],
    ['start', '--config', '5', '--home', 'true'],
    ['start', '--home', 'start'],
  ];
  for (const words of ordinary) {
    it(`mean without the parser what they mean to it: ${words.join(' ')}`, async () => {
      const read = readPlainStart(words);
      assert.notEqual(read, undefined);
      assert.deepEqual(read, await parsedStart(words));
    });
  }

  const others: readonly (readonly string[])[] = [
    [],
    ['config', 'check'],
    ['start', '--help'],
    ['start', 'now'],
    ['start', '--home'],
    ['start', '--home='],
    ['start', '--home', ''],
    ['start', '--home', '--config', 'x'],
    ['start', '--home', '-'],
    ['start', '--home', '"x"'],
    ['start', '--home', 'a', '--home', 'b'],
    ['start', '--hom', 'a'],
    ['start', '--modelBackend', 'a'],
    ['start', '--config.x', 'a'],
    ['start', '--', '--home', 'a'],
    ['start', '--constructor', 'a'],
  ];
  for (const words of others) {
    it(`leaves anything else to the parser: ${words.join(' ')}`, () =>
      assert.equal(readPlainStart(words), undefined));
  }
});
