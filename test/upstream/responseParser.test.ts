/** The reader of responses: the same whatever the pieces are that the bytes come in, and never more than it must trust. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { maxHeadBytes, ResponseParser } from '#src/upstream/responseParser.js';
import { propertyRuns } from '../runs.js';

interface Reading {
  status: number | undefined;
  headers: Record<string, unknown>;
  body: string;
  ending: 'whole' | 'refused' | 'cut';
  isReusable: boolean;
}

interface ReadOptions {
  readonly isHead?: boolean;
  /** Pauses at every piece, and goes on when all that was pushed has been taken. */
  readonly pauses?: boolean;
}

/** What is read of these pieces and a close behind them. */
function read(pieces: readonly Buffer[], { isHead = false, pauses = false }: ReadOptions = {}): Reading {
  const reading: Reading = { status: undefined, headers: {}, body: '', ending: 'cut', isReusable: false };
  let endings = 0;
  const note = (): void => assert.equal(endings, 0, 'nothing is told after the end');
  const end = (ending: Reading['ending']): void => {
    note();
    endings++;
    reading.ending = ending;
  };
  const parser = new ResponseParser({
    onHead({ status, headers }) {
      note();
      assert.equal(reading.status, undefined, 'one head');
      reading.status = status;
      reading.headers = { ...headers };
    },
    onBody(piece) {
      note();
      assert.ok(!parser.isPaused, 'nothing is told in a pause');
      assert.ok(piece.length > 0, 'no piece is empty');
      reading.body += piece.toString('latin1');
      return !pauses;
    },
    onEnd: () => end('whole'),
    onSyntaxError: () => end('refused'),
  });
  const goOn = (): void => {
    while (parser.isPaused) parser.resume();
  };
  parser.begin(isHead);
  for (const piece of pieces) {
    // The memory of a piece is its sender's again after the call.
    const lent = Buffer.from(piece);
    parser.push(lent);
    lent.fill('#');
    goOn();
  }
  reading.isReusable = parser.isReusable;
  if (endings === 0) assert.equal(parser.finish(), endings > 0);
  return reading;
}

const readText = (text: string, options?: ReadOptions): Reading =>
  read([Buffer.from(text, 'latin1')], options);

/** The bytes cut at these places. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

const bytewise = (bytes: Buffer): Buffer[] => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));

const bodies = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 5 });
const values = fc.stringMatching(/^[!-~]{1,12}( [!-~]{1,8})?$/);
const names = fc.stringMatching(/^x-[a-z0-9_]{1,8}$/);
const interim = fc.constantFrom(
  '',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n',
);

/** A sound response, and what there is to be read of it. */
const responses = fc
  .record({
    interim,
    status: fc.constantFrom(200, 201, 404, 429, 503),
    fields: fc.dictionary(names, values, { maxKeys: 5, noNullPrototype: true }),
    pieces: bodies,
    framing: fc.constantFrom('length', 'chunked', 'close'),
    extension: fc.constantFrom('', ';a', ';name="v, w"'),
    isUpperHex: fc.boolean(),
    trailers: fc.constantFrom('', 'X-Sum: abc\r\n', 'A: 1\r\nB:\t2 \r\n'),
  })
  .map(({ interim, status, fields, pieces, framing, extension, isUpperHex, trailers }) => {
    const body = pieces.join('');
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = (more: string): string =>
      `${interim}HTTP/1.1 ${status} Some Reason\r\n${lines.join('')}${more}\r\n`;
    const size = (text: string): string =>
      isUpperHex ? text.length.toString(16).toUpperCase() : text.length.toString(16);
    const chunks = pieces.map((piece) => `${size(piece)}${extension}\r\n${piece}\r\n`).join('');
    const text = {
      length: `${head(`Content-Length: ${body.length}\r\n`)}${body}`,
      chunked: `${head('Transfer-Encoding: Chunked\r\n')}${chunks}000${extension}\r\n${trailers}\r\n`,
      close: `${head('')}${body}`,
    }[framing];
    return { bytes: Buffer.from(text, 'latin1'), status, fields, body, framing };
  });
const cuts = fc.array(fc.nat(2_000), { maxLength: 12 });

describe('reading a response', () => {
  it('tells the same of a sound response in whatever pieces and pauses', () => {
    fc.assert(
      fc.property(responses, cuts, fc.boolean(), (response, places, pauses) => {
        const { bytes, status, fields, body, framing } = response;
        for (const pieces of [[bytes], split(bytes, places), bytewise(bytes)]) {
          const reading = read(pieces, { pauses });
          assert.equal(reading.status, status);
          for (const name in fields) assert.equal(reading.headers[name], fields[name]);
          assert.deepEqual([reading.ending, reading.body], ['whole', body]);
          assert.equal(reading.isReusable, framing !== 'close');
        }
      }),
      { numRuns: propertyRuns(4_000) },
    );
  });

  it('never takes a framed response that breaks off for whole', () => {
    fc.assert(
      fc.property(
        responses.filter(({ framing }) => framing !== 'close'),
        fc.nat(),
        ({ bytes, body }, at) => {
          const reading = read([bytes.subarray(0, at % bytes.length)]);
          assert.equal(reading.ending, 'cut');
          assert.ok(body.startsWith(reading.body));
        },
      ),
      { numRuns: propertyRuns(4_000) },
    );
  });

  it('survives any bytes, and judges them alike in whatever pieces', () => {
    const garbled = fc
      .tuple(responses, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
      .map(([{ bytes }, changes]) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        return changed;
      });
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(garbled, any), cuts, fc.boolean(), (bytes, places, isHead) => {
        const whole = read([bytes], { isHead });
        assert.deepEqual(read(split(bytes, places), { isHead }), whole);
        assert.deepEqual(read(bytewise(bytes), { isHead }), whole);
        assert.deepEqual(read(split(bytes, places), { isHead, pauses: true }), whole);
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });

  it('refuses at once what does not begin like HTTP', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 50 }).filter((bytes) => bytes[0] !== 0x48),
        (bytes) => {
          assert.equal(read([Buffer.from(bytes)]).ending, 'refused');
        },
      ),
      { numRuns: propertyRuns(2_000) },
    );
  });

  const ok = 'HTTP/1.1 200 OK\r\n';
  const chunked = `${ok}Transfer-Encoding: chunked\r\n`;
  for (const [name, text] of [
    ['two lengths', `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['the same length twice', `${ok}Content-Length: 1\r\ncontent-length: 1\r\n\r\na`],
    ['a list of lengths', `${ok}Content-Length: 1, 1\r\n\r\na`],
    ['a signed length', `${ok}Content-Length: +1\r\n\r\na`],
    ['a negative length', `${ok}Content-Length: -1\r\n\r\na`],
    ['a hexadecimal length', `${ok}Content-Length: 0x1\r\n\r\na`],
    ['a length that is no number', `${ok}Content-Length: 1e1\r\n\r\na`],
    ['an empty length', `${ok}Content-Length:\r\n\r\na`],
    ['a length beyond all measure', `${ok}Content-Length: 9999999999999999999\r\n\r\na`],
    ['a length and chunks', `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and a length', `${chunked}Content-Length: 1\r\n\r\n0\r\n\r\n`],
    ['a length and another coding', `${ok}Content-Length: 1\r\nTransfer-Encoding: gzip\r\n\r\na`],
    ['chunks twice', `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ['chunks twice in two lines', `${chunked}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a coding under the chunks', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['a folded line', `${ok}A: b\r\n c\r\nContent-Length: 0\r\n\r\n`],
    ['a line folded with a tab', `${ok}A: b\r\n\tContent-Length: 0\r\n\r\n`],
    ['a space before the colon', `${ok}Content-Length : 0\r\n\r\n`],
    ['a header without a name', `${ok}: 0\r\n\r\n`],
    ['a header without a colon', `${ok}Content-Length\r\n\r\n`],
    ['a bare line feed', `${ok}A: b\nContent-Length: 0\r\n\r\n`],
    ['bare line feeds only', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['a bare carriage return', `${ok}A: b\rContent-Length: 5\r\n\r\n`],
    ['a zero byte in a value', `${ok}A: b\0c\r\n\r\n`],
    ['a control character in a value', `${ok}A: b\x0bc\r\n\r\n`],
    ['another protocol', 'HTTP/2 200 OK\r\n\r\n'],
    ['another version', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n'],
    ['informational responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(200)],
    ['a chunk without a size', `${chunked}\r\n\r\n`],
    ['a chunk of no hexadecimal size', `${chunked}\r\ng\r\n`],
    ['a chunk of a signed size', `${chunked}\r\n-1\r\n`],
    ['a chunk of a size with a prefix', `${chunked}\r\n0x1\r\na\r\n`],
    ['a space behind a size', `${chunked}\r\n1 \r\na\r\n`],
    ['a chunk beyond all measure', `${chunked}\r\nffffffffffffffffff\r\n`],
    ['a size line with a bare line feed', `${chunked}\r\n1\na\r\n`],
    ['a chunk longer than its size', `${chunked}\r\n1\r\nab\r\n`],
    ['a chunk that ends in a bare line feed', `${chunked}\r\n1\r\na\n0\r\n\r\n`],
    ['a control character in an extension', `${chunked}\r\n1;a\0\r\na\r\n`],
    ['a line feed in an extension', `${chunked}\r\n1;a\n\r\na\r\n`],
    ['an extension without end', `${chunked}\r\n1;${'a'.repeat(5_000)}`],
    ['zeros without end', `${chunked}\r\n${'0'.repeat(5_000)}`],
    ['a trailer without a colon', `${chunked}\r\n0\r\nnothing\r\n\r\n`],
    ['a folded trailer', `${chunked}\r\n0\r\nA: b\r\n c\r\n\r\n`],
    ['trailers without end', `${chunked}\r\n0\r\n${'A: b\r\n'.repeat(maxHeadBytes / 4)}`],
    ['headers without end', `${ok}${'A: b\r\n'.repeat(maxHeadBytes / 4)}`],
    ['one header without end', `${ok}A: ${'b'.repeat(maxHeadBytes)}`],
  ] as const) {
    it(`refuses ${name}`, () => {
      for (const pauses of [false, true]) assert.equal(readText(text, { pauses }).ending, 'refused');
      assert.equal(read(bytewise(Buffer.from(text, 'latin1'))).ending, 'refused');
    });
  }

  it('takes a head up to the bound', () => {
    const head = `${ok}Content-Length: 0\r\nA: `;
    const fitting = `${head}${'a'.repeat(maxHeadBytes - head.length - 4)}\r\n\r\n`;
    assert.equal(readText(fitting).ending, 'whole');
    assert.equal(read(bytewise(Buffer.from(fitting))).ending, 'whole');
    assert.equal(readText(fitting.replace('A: ', 'A:  ')).ending, 'refused');
  });

  for (const [name, text, isHead] of [
    ['HEAD', `${ok}Content-Length: 5\r\n\r\n`, true],
    ['HEAD with chunks', `${chunked}\r\n`, true],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', false],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', false],
  ] as const) {
    it(`ends with its head: ${name}`, () => {
      const { ending, body } = readText(text, { isHead });
      assert.deepEqual([ending, body], ['whole', '']);
      // A server that sends a body all the same must not have it taken for the next response.
      assert.equal(readText(`${text}hello`, { isHead }).isReusable, false);
    });
  }

  for (const [isReusable, name, text] of [
    [true, 'HTTP/1.1', `${ok}Content-Length: 1\r\n\r\na`],
    [true, 'a 204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    [
      true,
      'HTTP/1.0 that says so',
      'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na',
    ],
    [false, 'HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na'],
    [
      false,
      'HTTP/1.0 with chunks',
      `${chunked.replace('1.1', '1.0')}Connection: keep-alive\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    ],
    [false, 'one that is to close', `${ok}Connection: close\r\nContent-Length: 1\r\n\r\na`],
    [false, 'one that says so in a list', `${ok}Connection: x-y, Close\r\nContent-Length: 1\r\n\r\na`],
    [
      false,
      'one that says so in a second line',
      `${ok}Connection: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na`,
    ],
    [false, 'a byte behind the body', `${ok}Content-Length: 1\r\n\r\nab`],
    [false, 'a byte behind the last chunk', `${chunked}\r\n1\r\na\r\n0\r\n\r\nb`],
    [false, 'a second response', `${ok}Content-Length: 1\r\n\r\na${ok}Content-Length: 1\r\n\r\na`],
    [false, 'a 304 that announces a body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
  ] as const) {
    it(`${isReusable ? 'keeps' : 'does not keep'} the connection after ${name}`, () => {
      for (const pauses of [false, true]) {
        const reading = readText(text, { pauses });
        assert.deepEqual([reading.ending, reading.isReusable], ['whole', isReusable]);
      }
      assert.equal(read(bytewise(Buffer.from(text))).isReusable, isReusable);
    });
  }

  it('reads one response after the other, and nothing before it expects one', () => {
    let whole = 0;
    const parser = new ResponseParser({
      onHead: () => undefined,
      onBody: () => true,
      onEnd() {
        whole++;
        if (whole < 3) parser.begin(false);
      },
      onSyntaxError: assert.fail,
    });
    const response = Buffer.from(`${ok}Content-Length: 1\r\n\r\na`);
    parser.begin(false);
    for (let turn = 0; turn < 3; turn++) parser.push(response);
    assert.equal(whole, 3);
    parser.push(response);
    assert.equal(whole, 3);
    assert.equal(parser.isReusable, false);
  });

  it('tells the chunks of one push as one piece, also before what is no chunk', () => {
    const told: string[] = [];
    const parser = new ResponseParser({
      onHead: () => undefined,
      onBody: (piece) => told.push(piece.toString('latin1')) > 0,
      onEnd: () => void told.push('end'),
      onSyntaxError: () => void told.push('refused'),
    });
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const push = (text: string): void => parser.push(Buffer.from(text, 'latin1'));
    parser.begin(false);
    push(`${head}1\r\na\r\n2\r\nbc\r\n4\r\nde`);
    push('fg\r\n1\r\nh\r\n0\r\n\r\n');
    parser.begin(false);
    push(`${head}2\r\nij\r\n3\r\nklm\r\n?`);
    assert.deepEqual(told, ['abcde', 'fgh', 'end', 'ijklm', 'refused']);
  });

  it('tells nothing more when it is stopped from within', () => {
    for (const stopAt of ['onHead', 'onBody'] as const) {
      let told = 0;
      const step = (at: string): boolean => {
        told++;
        if (at === stopAt) parser.stop();
        return true;
      };
      const parser = new ResponseParser({
        onHead: () => void step('onHead'),
        onBody: () => step('onBody'),
        onEnd: assert.fail,
        onSyntaxError: assert.fail,
      });
      parser.begin(false);
      parser.push(Buffer.from(`${chunked}\r\n1\r\na\r\n1\r\na\r\n0\r\n\r\n`));
      assert.equal(told, stopAt === 'onHead' ? 1 : 2);
    }
  });
});
