/** From an empty folder to a served, signed request, without a file being edited. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { gatewayKey, schedulerKey } from '../keys/publicTestKeys.js';
import { temporaryFolder } from '../keys/temporaryFolder.js';
import { endWithTests } from '../support/endWithTests.js';
import { llamacpp, ollama } from '../support/inferenceServers.js';
import { startLocalInference } from '../support/localInference.js';
import { fxnEntry, runFxn } from '../support/runFxn.js';

/** Where Ollama listens, then other ports that are looked at; one may be taken on the machine that tests. */
const usualPorts = [11434, 8081, 30001, 8001, 5000, 1234];

describe('fxn init, start and send', () => {
  let network: TestNetwork;
  before(async () => {
    network = await startTestNetwork({ gateways: [gatewayKey.checksumAddress] });
  });
  after(() => network.close());

  for (const [name, answers] of Object.entries({ Ollama: ollama, 'llama.cpp': llamacpp })) {
    it(`serves a signed request with ${name} after one command and no edited file`, async (t) => {
      const folder = await temporaryFolder(t);
      const home = join(folder, 'home');
      const server = await startLocalInference(t, { answers, ports: usualPorts });
      const made = await runFxn([
        ...['init', '--yes', '--plain', '--home', home, '--rpc', network.rpcUrl],
        ...['--scheduler', schedulerKey.checksumAddress, '--router', network.routerAddress],
      ]);
      assert.equal(made.code, 0, made.err + made.out);
      assert.match(made.out, new RegExp(`${server.url} +${answers === ollama ? 'ollama' : 'llamacpp'} `));
      for (const file of ['config.yaml', 'model_backend.yaml', 'nodekey.json']) {
        assert.equal(statSync(join(home, file)).mode & 0o777, 0o600, file);
      }
      const { models } = parse(readFileSync(join(home, 'model_backend.yaml'), 'utf8')) as {
        models: { name: string; backends: { url: string }[] }[];
      };
      const model = models.find(({ backends }) => backends.some(({ url }) => url === server.url))!.name;

      const node = spawn(process.execPath, [fxnEntry, 'start', '--home', home], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, FXN_KEY_PASSWORD: undefined },
      });
      endWithTests(node);
      const ended = new Promise((resolve) => node.once('close', resolve));
      try {
        const isReady = new Set<unknown>();
        for await (const line of createInterface({ input: node.stdout })) {
          const { msg, registry } = JSON.parse(line) as { msg: string; registry?: string };
          if (msg === 'listening' || msg === 'backend answers') isReady.add(msg);
          if (msg === 'registry read') isReady.add(registry);
          if (isReady.size === 4) break;
        }
        const key = join(folder, 'gateway.json');
        await writeFile(key, gatewayKey.goFile, { mode: 0o600 });
        const messages = [{ role: 'user', content: 'Hi' }];
        const body = JSON.stringify({ model, messages, stream: true });
        const sent = await runFxn(['send', '/v1/chat/completions', body, '--home', home, '--key', key]);
        assert.equal(sent.code, 0, sent.err + sent.out);
        assert.match(sent.err, /^200 OK/m);
        assert.match(sent.out, /"Hello".*" from".*" home".*\[DONE\]/s);
        assert.equal(server.completions.length, 1);
      } finally {
        node.stdout.resume();
        node.kill('SIGTERM');
        await ended;
      }
    });
  }
});
