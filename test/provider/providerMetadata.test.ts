import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProviderId, providerIdText } from '#src/provider/providerId.js';
import { changeMetadata, readMetadata, urlProblem } from '#src/provider/providerMetadata.js';

test('changes what is given and keeps the rest, in its order', () => {
  const before = '{"region":"eu","url":"https://a.example","extra":{"n":1}}';
  assert.equal(
    changeMetadata(before, { url: 'https://b.example', name: 'box' }),
    '{"region":"eu","url":"https://b.example","extra":{"n":1},"name":"box"}',
  );
  assert.equal(changeMetadata(before, {}), before);
  assert.equal(changeMetadata('{"name":"x"}', { name: '' }), '{}');
});

test('gives up text that is no object, and reads members of the right kind only', () => {
  for (const text of ['', 'https://a.example', '[1]', '"x"', 'null']) {
    assert.equal(changeMetadata(text, { url: 'https://b.example' }), '{"url":"https://b.example"}', text);
    assert.deepEqual(readMetadata(text), { url: null, name: null }, text);
  }
  assert.deepEqual(readMetadata('{"url":7,"name":"n"}'), { url: null, name: 'n' });
});

test('a name like that of a prototype is an ordinary member', () => {
  assert.equal(
    changeMetadata('{"__proto__":{"url":"x"}}', { name: 'n' }),
    '{"__proto__":{"url":"x"},"name":"n"}',
  );
});

test('says why a URL cannot be published', () => {
  assert.equal(urlProblem('https://node.example.com/base'), undefined);
  for (const url of [
    'node.example.com',
    'ftp://a.example',
    'https://',
    'https://u@a.example',
    'https://a.example/#x',
  ]) {
    assert.notEqual(urlProblem(url), undefined, url);
  }
});

test('an id is the bytes of hex digits or of a text, 1 to 64 of them', () => {
  assert.equal(parseProviderId('0xABcd'), '0xabcd');
  for (const almost of ['0xabc', '0x', '0Xabcg', `0x${'ab'.repeat(19)}a`]) {
    assert.equal(parseProviderId(almost), undefined, almost);
  }
  assert.equal(parseProviderId('ü'), '0xc3bc');
  assert.equal(parseProviderId(`0x${'ab'.repeat(64)}`)?.length, 130);
  for (const text of ['', `0x${'ab'.repeat(65)}`, 'ü'.repeat(33)])
    assert.equal(parseProviderId(text), undefined);
});

test('an id is shown with its text only where it is one', () => {
  assert.equal(providerIdText('0x6d79206e6f6465'), '0x6d79206e6f6465 ("my node")');
  assert.equal(providerIdText('0x1b5b324a'), '0x1b5b324a');
  assert.equal(providerIdText('0xff00'), '0xff00');
});
