import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type MessageSignature, parseMessageSignature } from '#src/auth/messageSignature.js';
import { NodeError } from '#src/errors/nodeError.js';
import { propertyRuns } from '#test/runs.js';

const covered = '("@method" "@authority" "@path")';
const parameters = ';created=1750000000;expires=1750000060;nonce="n-1";keyid="ours"';
const signatureBytes = Buffer.alloc(65, 7);
const sound = {
  input: `sig1=${covered}${parameters}`,
  signature: `sig1=:${signatureBytes.toString('base64')}:`,
};

function parse({ input = sound.input, signature = sound.signature } = {}): MessageSignature | NodeError {
  const headers = new Map([
    ['signature-input', input],
    ['signature', signature],
  ]);
  return parseMessageSignature(
    headers,
    (keyid) => keyid === 'ours',
    (keyids) => new NodeError('auth_malformed', { message: `none of ${keyids.join(',')}` }),
  );
}

function accepted(changes: Parameters<typeof parse>[0] = {}): MessageSignature {
  const parsed = parse(changes);
  assert.ok(!(parsed instanceof NodeError), String(parsed));
  return parsed;
}

function refused(changes: Parameters<typeof parse>[0]): string {
  const parsed = parse(changes);
  assert.ok(parsed instanceof NodeError, JSON.stringify(changes));
  assert.equal(parsed.status, 401);
  return `${parsed.code}: ${parsed.message}`;
}

const withParameters = (changed: string) => ({ input: `sig1=${covered}${changed}` });

describe('the headers of a message signature', () => {
  it('are taken apart', () => {
    assert.deepEqual(accepted(), {
      keyid: 'ours',
      algorithm: undefined,
      createdS: 1_750_000_000,
      expiresS: 1_750_000_060,
      nonce: 'n-1',
      components: ['@method', '@authority', '@path'],
      parameters: `${covered}${parameters}`,
      signature: signatureBytes,
    });
  });

  it('mean the same with other spacing and spelling, and are signed in one spelling', () => {
    const spaced = `  sig1=(  "@method"   "@authority" "@path"  );created=01750000000;  expires=1750000060;nonce="n-1";keyid="ours" `;
    assert.deepEqual(accepted({ input: spaced }), accepted());
  });

  it('keep the order of components and parameters, and parameters that are not known here', () => {
    const input = 'sig1=("@path" "a");keyid="ours";x=?0;tag="t";nonce="\\"q\\\\";expires=2;created=1;y';
    assert.equal(accepted({ input }).parameters, input.slice('sig1='.length));
    assert.equal(accepted({ input }).nonce, '"q\\');
  });

  it('under any label, beside signatures for other readers', () => {
    const other = `x=("@path");keyid="theirs"`;
    const chosen = accepted({
      input: `${other}, *a.b-c_1=${covered}${parameters}, y=:AAAA:;keyid="theirs", z`,
      signature: `x=:AAAA:, *a.b-c_1=:${signatureBytes.toString('base64')}:`,
    });
    assert.deepEqual(chosen, accepted());
  });

  const malformed: Readonly<Record<string, readonly [Parameters<typeof parse>[0], RegExp]>> = {
    'an empty Signature-Input': [{ input: '' }, /^auth_missing: Signature-Input is missing/],
    'an empty Signature': [{ signature: '' }, /^auth_missing: Signature is missing/],
    'a Signature-Input over 4096 bytes': [
      { input: `${sound.input},${'a'.repeat(4_096)}` },
      /longer than 4096/,
    ],
    'a Signature over 4096 bytes': [
      { signature: `${sound.signature},${'a'.repeat(4_096)}` },
      /longer than 4096/,
    ],
    'a Signature-Input that is no dictionary': [
      { input: `${sound.input};` },
      /no.? a dictionary|not a dictionary/,
    ],
    'a Signature that is no dictionary': [{ signature: ':AA==:' }, /not a dictionary/],
    'two members of one label': [{ input: `${sound.input}, ${sound.input}` }, /label twice/],
    'two members of one label, one of them nothing': [{ input: `sig1, ${sound.input}` }, /label twice/],
    'two signatures of one label': [{ signature: `${sound.signature},sig1=:AA==:` }, /label twice/],
    'no signature for this node': [{ input: sound.input.replace('ours', 'x') }, /none of x/],
    'a keyid that is a token': [{ input: sound.input.replace('"ours"', 'ours') }, /none of/],
    'two signatures for this node': [{ input: `${sound.input}, b=${covered}${parameters}` }, /takes one/],
    'a member that is no list': [{ input: `sig1="@method"${parameters}` }, /does not list/],
    'a component that is a token': [{ input: `sig1=(method)${parameters}` }, /not named by a string/],
    'a component with a parameter': [{ input: `sig1=("date";sf)${parameters}` }, /not supported/],
    'a component of another message': [{ input: `sig1=("@method";req)${parameters}` }, /not supported/],
    'a component twice': [{ input: `sig1=("date" "date")${parameters}` }, /covered twice/],
    'no signature under the label': [{ signature: 'sig2=:AA==:' }, /no bytes under that label/],
    'a signature that is a string': [{ signature: 'sig1="AA=="' }, /no bytes/],
    'no created': [withParameters(';expires=2;nonce="n";keyid="ours"'), /created and expires/],
    'no expires': [withParameters(';created=1;nonce="n";keyid="ours"'), /created and expires/],
    'no nonce': [withParameters(';created=1;expires=2;keyid="ours"'), /nonce is required/],
    'an empty nonce': [withParameters(';created=1;expires=2;nonce="";keyid="ours"'), /nonce is required/],
    'a nonce of 513 characters': [
      withParameters(`;created=1;expires=2;nonce="${'n'.repeat(513)}";keyid="ours"`),
      /nonce is required/,
    ],
    'a nonce that is a number': [withParameters(';created=1;expires=2;nonce=5;keyid="ours"'), /nonce/],
    'a time before 1970': [withParameters(';created=-1;expires=2;nonce="n";keyid="ours"'), /created and/],
    'a time with a fraction': [withParameters(';created=1.5;expires=2;nonce="n";keyid="ours"'), /created/],
    'a time in a string': [withParameters(';created="1";expires=2;nonce="n";keyid="ours"'), /created/],
    'an end before the beginning': [withParameters(';created=2;expires=2;nonce="n";keyid="ours"'), /before/],
    'an alg that is a token': [
      withParameters(';created=1;expires=2;nonce="n";keyid="ours";alg=hmac-sha256'),
      /alg is not a string/,
    ],
  };
  for (const [what, [changes, message]] of Object.entries(malformed)) {
    it(`with ${what} are refused`, () => {
      assert.match(refused(changes), message);
    });
  }

  it('are not taken for two of a label because of commas in strings', () => {
    for (const nonce of ['a,b', 'a\\",b', '%,', '\\\\']) {
      const input = sound.input.replace('"n-1"', `"${nonce}"`);
      assert.equal(accepted({ input: `${input}, o=1;p=%"a\\,%22b";q="c,d"` }).createdS, 1_750_000_000);
    }
  });

  it('of any text never throw, and are never accepted by chance', () => {
    const piece = fc.constantFrom(
      'sig1',
      '=',
      '(',
      ')',
      '"@method"',
      ';',
      'keyid',
      '"ours"',
      ',',
      ':',
      'AA==',
      ' ',
      '%"',
      '\\',
      '?1',
      '@1',
      '-',
      '1.',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, text, (input, signature) => {
        assert.ok(parse({ input, signature }) instanceof NodeError);
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });
});
