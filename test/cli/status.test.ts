// needs: script
/** `fxn status` and `fxn send --timing` with a real node, on real pipes and on a pseudo terminal. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { statusLines } from '#src/cli/status/statusView.js';
import type { StatusDocument } from '#src/console/statusDocument.js';
import { gatewayKey } from '#test/keys/publicTestKeys.js';
import { temporaryFolder } from '#test/keys/temporaryFolder.js';
import { eventually, startBypassNode } from '#test/support/bypassNode.js';
import { vllm } from '#test/support/inferenceServers.js';
import { type LocalInference, startLocalInference } from '#test/support/localInference.js';
import { onTerminal, type PseudoTerminal } from '#test/support/pseudoTerminal.js';
import { RenderedScreen } from '#test/support/renderedScreen.js';
import { fxnEntry, runFxn } from '#test/support/runFxn.js';
import type { TestNode } from '#test/support/testNode.js';

/** Ends every picture. */
const frameEnd = '\x1b[J';

describe('fxn status', () => {
  let node: TestNode;
  let inference: LocalInference;
  const closing: (() => unknown)[] = [];
  before(async () => {
    const suite = { after: (close: () => unknown) => void closing.push(close) } as unknown as TestContext;
    inference = await startLocalInference(suite, { answers: vllm });
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'llama', backends: [{ url: inference.url, model: 'm' }] }] },
    });
  });
  after(async () => {
    await node.close();
    for (const close of closing) await close();
  });

  const where = () => ['--home', node.home, '--url', node.adminUrl];
  const chat = (stream: boolean, more: object = {}) =>
    runFxn([
      ...['send', '/v1/chat/completions', JSON.stringify({ model: 'llama', messages: [], stream, ...more })],
      ...['--url', node.url, '--key', `0x${gatewayKey.privateKeyHex}`, '--timing'],
    ]);
  const liveOn = (columns: number, rows: number): PseudoTerminal =>
    onTerminal([process.execPath, fxnEntry, 'status', ...where(), '--interval', '200ms'], { columns, rows });
  const rendered = ({ shown }: PseudoTerminal, columns: number, rows: number): RenderedScreen => {
    const screen = new RenderedScreen(columns, rows);
    screen.write(shown());
    return screen;
  };

  it('takes the token out of the home folder, and has it written where it is not there yet', async () => {
    const file = join(node.home, 'console-token');
    assert.equal(existsSync(file), false);
    const { code, out, err } = await runFxn(['status', ...where(), '--json']);
    assert.equal(code, 0, err);
    const document = JSON.parse(out) as StatusDocument;
    assert.equal(document.identity.port, node.port);
    assert.equal(document.process.pid, node.pid);
    assert.ok(readFileSync(file, 'utf8').trim().length >= 32);
  });

  it('says with --timing how fast a completion came, counted or estimated', async () => {
    const streamed = await chat(true);
    assert.equal(streamed.code, 0, streamed.err);
    assert.match(streamed.err, /^first token \S+ m?s {2}about 3 tokens {2}[\d.]+ tokens\/s$/m);
    const counted = await chat(true, { stream_options: { include_usage: true } });
    assert.match(counted.err, /^first token \S+ m?s {2}3 tokens {2}[\d.]+ tokens\/s$/m);
    const whole = await chat(false);
    assert.match(whole.err, /^3 tokens {2}[\d.]+ tokens\/s$/m);
    assert.doesNotMatch(whole.err, /first token/);
  });

  it('prints everything once without control sequences where there is no terminal', async () => {
    await chat(true);
    const { out } = await eventually(
      () => runFxn(['status', ...where(), '--once']),
      ({ out: text }) => /200 {2}\/v1\/chat\/completions/.test(text),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    assert.doesNotMatch(out, /\x1b/);
    assert.match(out, /^fxn \d+\.\d+\.\d+ {2}not ready {2}up /m);
    assert.match(out, /^! authentication: it is switched off/m);
    assert.match(
      out,
      new RegExp(`^ {2}127\\.0\\.0\\.1:${inference.port} {2}up +vllm +\\d+ of 64 {2}llama as m$`, 'm'),
    );
    assert.match(out, /^Total +\d+ requests .* \d+ tokens in, \d+ out$/m);
    assert.match(out, /^ {2}\d\d:\d\d:\d\d {2}200 {2}\/v1\/chat\/completions {2}llama .*first token/m);
  });

  it('prints a line at each interval where there is no terminal', async () => {
    const { out, code } = await runFxn(['status', ...where(), '--interval', '200ms'], {
      interruptAt: '\n',
    });
    assert.equal(code, 130);
    assert.match(out, /^\d\d:\d\d:\d\d {2}not_ready {2}requests \S+\/s {2}errors .* backends 1 of 1 up\n/);
  });

  for (const [columns, rows] of [
    [80, 24],
    [132, 50],
    [40, 10],
  ] as const) {
    it(`fits ${columns} columns and ${rows} rows, redraws in place, and gives the terminal back`, async () => {
      const terminal = liveOn(columns, rows);
      await terminal.shows(frameEnd);
      const before = rendered(terminal, columns, rows);
      assert.equal(before.isAlternate, true);
      assert.equal(before.isCursorShown, false);
      assert.match(before.lines[0] ?? '', /^fxn \d+\.\d+\.\d+ {2}not ready/);
      await chat(true);
      await terminal.shows((shown) => shown.split(frameEnd).length > 3);
      const after = rendered(terminal, columns, rows);
      // Drawn over each other they stay one picture.
      assert.match(after.lines[0] ?? '', /^fxn \d+\.\d+\.\d+ {2}not ready/);
      assert.equal(after.lines.filter((line) => line.startsWith('Requests ')).length, 1);
      assert.ok(after.lines.every((line) => line.length <= columns));
      if (rows >= 24) assert.ok(after.lines.includes('Backends'), after.lines.join('\n'));
      terminal.type('q');
      assert.equal(await terminal.ended, 0);
      const left = rendered(terminal, columns, rows);
      assert.deepEqual([left.isAlternate, left.isCursorShown, left.wraps], [false, true, true]);
    });
  }

  for (const [how, end] of [
    ['Ctrl-C', (terminal: PseudoTerminal) => terminal.type('\x03')],
    ['SIGTERM', (_terminal: PseudoTerminal, pid: number) => void process.kill(pid, 'SIGTERM')],
  ] as const) {
    it(`gives the terminal back after ${how}`, async () => {
      const command = `${process.execPath} ${fxnEntry} status ${where().join(' ')}`;
      const inner = `echo pid=$$=; exec ${command}`;
      const terminal = onTerminal(['sh', '-c', `sh -c '${inner}'; stty -a`], { columns: 80, rows: 24 });
      await terminal.shows(frameEnd);
      const pid = Number(/pid=(\d+)=/.exec(terminal.shown())?.[1]);
      end(terminal, pid);
      await terminal.ended;
      const screen = new RenderedScreen(80, 24);
      screen.write(terminal.shown());
      assert.deepEqual([screen.isAlternate, screen.isCursorShown, screen.wraps], [false, true, true]);
      assert.match(terminal.shown(), / icanon.* echo /s);
    });
  }

  it('stays, and says so, while the node is away', async (t) => {
    const own = await startBypassNode({
      modelBackends: { models: [{ name: 'llama', backends: [{ url: inference.url, model: 'm' }] }] },
    });
    const words = ['status', '--home', own.home, '--url', own.adminUrl, '--interval', '200ms'];
    const terminal = onTerminal([process.execPath, fxnEntry, ...words], { columns: 100, rows: 30 });
    t.after(() => terminal.type('q'));
    await terminal.shows(frameEnd);
    await own.close();
    await terminal.shows('nothing listens there');
    const { lines } = rendered(terminal, 100, 30);
    assert.match(lines[0] ?? '', /^No node answers at http:\/\/127/);
    assert.match(lines[1] ?? '', /^fxn \d/);
    terminal.type('q');
    assert.equal(await terminal.ended, 0);
  });

  it('ends with 2 and says what to do where no node answers, or another one', async (t) => {
    const gone = await runFxn(['status', '--home', node.home, '--url', 'http://127.0.0.1:9']);
    assert.equal(gone.code, 2);
    assert.match(
      gone.err,
      /^No node answers at http:\/\/127\.0\.0\.1:9 \(nothing listens there\)\. Start it with/,
    );
    const home = await temporaryFolder(t);
    const strange = await runFxn(['status', '--home', home, '--url', node.adminUrl]);
    assert.equal(strange.code, 2);
    assert.match(strange.err, /There is no token in .*: name the --home of the node/);
    const wrong = await runFxn(['status', '--home', node.home, '--url', node.adminUrl, '--interval', 'soon']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /--interval is a duration from 200ms/);
  });

  it('cuts no line in the middle of a control sequence, and lists give way from below', async () => {
    const { out } = await runFxn(['status', ...where(), '--json']);
    const document = JSON.parse(out) as StatusDocument;
    const [backend] = document.backends;
    const many = { ...document, backends: Array.from({ length: 40 }, () => backend!) };
    for (const rows of [1, 5, 12, 24, 40]) {
      const lines = statusLines(many, { columns: 30, rows });
      assert.ok(lines.length <= rows, `${lines.length} lines in ${rows} rows`);
      for (const line of lines) assert.ok(line.map(({ text }) => text).join('').length <= 30);
    }
    const texts = statusLines(many, { columns: 80, rows: 24 }).map((line) =>
      line.map(({ text }) => text).join(''),
    );
    assert.ok(
      texts.some((text) => /^ {2}… \d+ more$/.test(text)),
      texts.join('\n'),
    );
    assert.ok(texts.some((text) => text.startsWith('Requests')));
  });
});
