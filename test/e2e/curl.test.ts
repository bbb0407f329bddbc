// needs: curl
/** What operators try first: a signed request by plain curl. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { chatFrame, doneFrame, json, type TestBackend } from '../support/testBackend.js';
import { chatPath, modelsPath, standModel, startTestStand, type TestStand } from '../support/testStand.js';

const run = promisify(execFile);
const words = ['one', 'two', 'three'];

describe('curl', () => {
  let stand: TestStand;
  /** Lets the backend send its next frame. */
  let release: () => void = () => undefined;
  const released = (): Promise<void> =>
    new Promise((resolve) => {
      release = resolve;
    });

  const handler: TestBackend['handler'] = async (request, response) => {
    if ((JSON.parse(request.body) as { stream?: boolean }).stream !== true) {
      json(response, 200, { model: standModel, bytes: request.body.length });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const word of words) {
      const next = released();
      response.write(chatFrame(standModel, word));
      await next;
    }
    response.end(doneFrame);
  };

  before(async () => {
    stand = await startTestStand({ handler, config: { node: { threads: 1 } } });
  });
  after(() => stand?.close());

  const signedArguments = async (path: string, body: string, extra: readonly string[]): Promise<string[]> => {
    const headers = Object.entries(await stand.gateway.sign(body));
    const url = `${stand.node.url}${path}`;
    return ['-sS', ...extra, ...headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url];
  };

  it('lists the models', async () => {
    const { stdout } = await run('curl', await signedArguments(modelsPath, '', ['--fail']));
    assert.equal((JSON.parse(stdout) as { data: { id: string }[] }).data[0]?.id, standModel);
  });

  it('asks for a completion', async () => {
    const body = JSON.stringify({ model: standModel, messages: [{ role: 'user', content: 'Hi' }] });
    const json = ['-H', 'content-type: application/json', '--data-binary', body];
    const { stdout } = await run('curl', await signedArguments(chatPath, body, ['--fail', ...json]));
    assert.equal((JSON.parse(stdout) as { bytes: number }).bytes, body.length);
  });

  it('sends a body for which it waits for "100 Continue"', async () => {
    const body = JSON.stringify({ model: standModel, messages: [], pad: 'x'.repeat(100_000) });
    const extra = [
      '--fail',
      '-H',
      'expect: 100-continue',
      '--expect100-timeout',
      '60',
      '--data-binary',
      '@-',
    ];
    const curl = spawn('curl', await signedArguments(chatPath, body, extra), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    curl.stdin.end(body);
    let answer = '';
    for await (const piece of curl.stdout) answer += piece;
    assert.equal((JSON.parse(answer) as { bytes: number }).bytes, body.length);
  });

  it('shows each token of a stream when it comes, with -N', async () => {
    const body = JSON.stringify({ model: standModel, stream: true, messages: [] });
    const curl = spawn('curl', await signedArguments(chatPath, body, ['-N', '--data-binary', body]), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen: string[] = [];
    for await (const line of createInterface({ input: curl.stdout })) {
      const data = line.replace(/^data: /, '');
      if (line === '' || data === '[DONE]') continue;
      seen.push(
        (JSON.parse(data) as { choices: { delta: { content: string } }[] }).choices[0]!.delta.content,
      );
      // The backend waits for this: were the node or curl holding frames back, nothing would go on.
      release();
    }
    assert.deepEqual(seen, words);
  });

  it('shows the status and the code of a refusal', async () => {
    const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', `${stand.node.url}${modelsPath}`]);
    assert.match(stdout, /"code":"auth_missing"/);
    assert.ok(stdout.endsWith('\n401'));
  });

  it('is answered 413 for a file that is too large', async () => {
    const { stdout } = await run('sh', [
      '-c',
      'head -c 20000000 /dev/zero | curl -sS -o /dev/null -w "%{http_code}" --data-binary @- "$1"',
      'sh',
      `${stand.node.url}${chatPath}`,
    ]);
    assert.equal(stdout, '413');
  });
});
