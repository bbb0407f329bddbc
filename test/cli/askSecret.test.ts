import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createAskSecret, SecretAborted, typeSecret } from '#src/cli/askSecret.js';
import { propertyRuns } from '#test/runs.js';

/** A terminal that keeps what was done to it. */
class FakeTerminal extends PassThrough {
  readonly isTTY = true;
  readonly rawModes: boolean[] = [];
  setRawMode(on: boolean): void {
    this.rawModes.push(on);
  }
}

function terminalAndPrompts() {
  const terminal = new FakeTerminal();
  const written: string[] = [];
  const ask = createAskSecret(terminal, { write: (text: string) => written.push(text) })!;
  return { terminal, written, ask };
}

describe('asking for a secret', () => {
  test('is not possible without a terminal', () => {
    assert.equal(createAskSecret(new PassThrough()), undefined);
  });

  test('shows the prompt and nothing of what is typed, and restores the terminal', async () => {
    const { terminal, written, ask } = terminalAndPrompts();
    const asked = ask('Password: ');
    for (const key of ['p', 'ä', '🔑', '\r']) terminal.write(key);
    assert.equal(await asked, 'pä🔑');
    assert.deepEqual(written, ['Password: ', '\n']);
    assert.deepEqual(terminal.rawModes, [true, false]);
    assert.equal(terminal.isPaused(), true);
    assert.equal(terminal.listenerCount('data'), 0);
  });

  test('puts a character together whose bytes arrive apart', async () => {
    const { terminal, ask } = terminalAndPrompts();
    const asked = ask('');
    for (const byte of Buffer.from('é🔑\r')) terminal.write(Uint8Array.of(byte));
    assert.equal(await asked, 'é🔑');
  });

  test('Ctrl-C and a terminal that goes away restore it and break off', async () => {
    for (const leave of [(t: FakeTerminal) => t.write('abc\x03'), (t: FakeTerminal) => t.end()]) {
      const { terminal, ask } = terminalAndPrompts();
      const asked = ask('Password: ');
      leave(terminal);
      await assert.rejects(asked, SecretAborted);
      assert.deepEqual(terminal.rawModes, [true, false]);
    }
  });

  test('two lines pasted at once answer two questions', async () => {
    const { terminal, ask } = terminalAndPrompts();
    const first = ask('Password: ');
    terminal.write('secret\r\nsecret\r');
    assert.equal(await first, 'secret');
    assert.equal(await ask('Again: '), 'secret');
    const third = ask('More: ');
    terminal.write('x\n');
    assert.equal(await third, 'x');
    assert.deepEqual(terminal.rawModes, [true, false, true, false, true, false]);
  });
});

describe('typing a secret', () => {
  const typedAfter = (keys: string) => typeSecret('', keys).typed;

  test('backspace takes whole characters back, and nothing from an empty line', () => {
    assert.equal(typedAfter('ab🔑\x7f\x7fc'), 'ac');
    assert.equal(typedAfter('\b\x7fa'), 'a');
  });

  test('Ctrl-U empties the line; arrow keys and other control keys do nothing', () => {
    assert.equal(typedAfter('wrong\x15right'), 'right');
    assert.equal(typedAfter('a\x1b[Ab\x1b[1;5Cc\x1bOPd\x00\x07\te'), 'abcde');
  });

  test('Ctrl-D ends an empty line only', () => {
    assert.equal(typeSecret('', '\x04').end, 'aborted');
    assert.deepEqual(typeSecret('a', '\x04b'), { typed: 'ab', end: undefined, rest: '' });
  });

  test('how the keys are cut into pieces does not matter', () => {
    const keys = fc.array(fc.constantFrom('a', '🔑', '\x7f', '\x15', '\x00', '\x04', '\r', '\x03'));
    fc.assert(
      fc.property(keys, fc.nat(), (all, cut) => {
        const at = all.length === 0 ? 0 : cut % all.length;
        const whole = typeSecret('', all.join(''));
        const first = typeSecret('', all.slice(0, at).join(''));
        if (first.end !== undefined) {
          assert.equal(whole.end, first.end);
          assert.equal(whole.typed, first.typed);
        } else {
          assert.deepEqual(typeSecret(first.typed, all.slice(at).join('')), whole);
        }
      }),
      { numRuns: propertyRuns(1000) },
    );
  });
});
