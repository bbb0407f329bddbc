import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alertRules } from '#src/alerts/alertRules.js';
import { webhookBody } from '#src/alerts/webhookBody.js';

const rule = alertRules.find(({ name }) => name === 'backend_down')!;
const node = { address: '0xAbc', name: 'gpu1.example.com', version: '0.1.0' };
const change = {
  rule,
  subject: 'a:8000',
  status: 'firing',
  detail: 'it failed its health check',
  startedAtMs: 0,
  endedAtMs: null,
} as const;
const bodyOf = (...args: Parameters<typeof webhookBody>): Record<string, unknown> =>
  JSON.parse(webhookBody(...args)) as Record<string, unknown>;

describe('what is posted', () => {
  it('says it in words for chats and in fields for programs', () => {
    const body = bodyOf(change, node);
    const line = `[warning] gpu1.example.com: a backend does not answer (a:8000): it failed its health check. ${rule.remedy}`;
    assert.deepEqual(body, {
      text: line,
      content: line,
      id: '0xAbc/gpu1.example.com/backend_down/a:8000/1970-01-01T00:00:00.000Z/firing',
      key: '0xAbc/gpu1.example.com/backend_down/a:8000',
      status: 'firing',
      alert: 'backend_down',
      severity: 'warning',
      subject: 'a:8000',
      title: 'a backend does not answer',
      detail: 'it failed its health check',
      remedy: rule.remedy,
      startsAt: '1970-01-01T00:00:00.000Z',
      endsAt: null,
      node,
    });
  });

  it('has the same key at the end, another id, and both times', () => {
    const body = bodyOf({ ...change, status: 'resolved', endedAtMs: 60_000 }, node);
    assert.equal(body['text'], '[resolved] gpu1.example.com: a backend does not answer (a:8000)');
    assert.equal(body['key'], bodyOf(change, node)['key']);
    assert.notEqual(body['id'], bodyOf(change, node)['id']);
    assert.equal(body['endsAt'], '1970-01-01T00:01:00.000Z');
  });

  it('calls nobody together and makes no links, whatever a detail quotes', () => {
    const { text, content } = bodyOf({ ...change, detail: '<!channel> @everyone & <http://x|y>' }, node);
    assert.ok(!String(text).includes('<'));
    assert.match(String(text), /&lt;!channel&gt; @everyone &amp; /);
    assert.ok(!String(content).includes('@everyone'));
  });

  it('is bounded, however much a detail quotes', () => {
    const { text, content } = bodyOf({ ...change, detail: 'x'.repeat(100_000) }, node);
    assert.equal(String(text).length, 1_500);
    assert.equal(String(content).length, 1_500);
  });
});
