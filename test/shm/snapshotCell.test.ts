import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { NodeError } from '#src/errors/nodeError.js';
import { createSnapshotCell, openCellReader, openCellWriter } from '#src/shm/snapshotCell.js';
import { propertyRuns } from '#test/runs.js';

const asObject = (bytes: Uint8Array): { readonly bytes: Uint8Array } => ({ bytes });

test('a cell holds nothing before the first value', () => {
  const reader = openCellReader(createSnapshotCell(16), asObject);
  assert.equal(reader.read(), undefined);
  assert.equal(reader.generation(), 0);
  assert.equal(reader.readAtMs(), 0);
});

test('what is published is what is read, whatever was there before', () => {
  const cell = createSnapshotCell(100);
  const writer = openCellWriter(cell);
  const reader = openCellReader(cell, asObject);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(2 ** 48), (bytes, readAtMs) => {
      writer.publish(bytes, readAtMs);
      assert.deepEqual(reader.read()?.bytes, bytes);
      assert.equal(reader.readAtMs(), readAtMs);
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test('the generation moves only when the content changed, the age always', () => {
  const cell = createSnapshotCell(16);
  const writer = openCellWriter(cell);
  const reader = openCellReader(cell, asObject);
  writer.publish(Uint8Array.of(1, 2, 3), 1_000);
  const first = reader.read();
  writer.publish(Uint8Array.of(1, 2, 3), 2_000);
  assert.equal(reader.generation(), 1);
  assert.equal(reader.readAtMs(), 2_000);
  assert.equal(reader.read(), first);
  writer.publish(Uint8Array.of(1, 2, 3, 0), 3_000);
  assert.equal(reader.generation(), 2);
  assert.notEqual(reader.read(), first);
});

test('a value is decoded once per generation and frozen', () => {
  const cell = createSnapshotCell(16);
  const writer = openCellWriter(cell);
  let decoded = 0;
  const reader = openCellReader(cell, (bytes) => ({ length: bytes.byteLength, turn: ++decoded }));
  writer.publish(Uint8Array.of(1), 1);
  assert.equal(reader.read(), reader.read());
  assert.equal(decoded, 1);
  assert.ok(Object.isFrozen(reader.read()));
});

test('a payload over the capacity is refused with a code and the old value stays, age included', () => {
  const cell = createSnapshotCell(4);
  const writer = openCellWriter(cell);
  const reader = openCellReader(cell, asObject);
  writer.publish(Uint8Array.of(1, 2, 3, 4), 5);
  assert.throws(
    () => writer.publish(new Uint8Array(5), 6),
    (error) => error instanceof NodeError && error.code === 'snapshot_overflow',
  );
  assert.deepEqual(reader.read()?.bytes, Uint8Array.of(1, 2, 3, 4));
  assert.equal(reader.readAtMs(), 5);
});

test('a restarted writer continues the generation it finds', () => {
  const cell = createSnapshotCell(16);
  openCellWriter(cell).publish(Uint8Array.of(1), 1);
  const reader = openCellReader(cell, asObject);
  const before = reader.read();
  const restarted = openCellWriter(cell);
  restarted.publish(Uint8Array.of(1), 2);
  assert.equal(reader.read(), before);
  restarted.publish(Uint8Array.of(2), 3);
  assert.equal(reader.generation(), 2);
  assert.deepEqual(reader.read()?.bytes, Uint8Array.of(2));
});

test('a slot changed behind the checksum is no value, rather than an old one under a new age', () => {
  const cell = createSnapshotCell(16);
  const writer = openCellWriter(cell);
  const reader = openCellReader(cell, asObject);
  writer.publish(Uint8Array.of(1, 2, 3, 4, 5), 1);
  assert.ok(reader.read());
  writer.publish(Uint8Array.of(5, 4, 3, 2, 1), 2);
  const raw = new Uint8Array(cell);
  const at = raw.findIndex((_, i) => i >= 64 && raw[i] === 5 && raw[i + 1] === 4);
  raw[at + 1] = 0x84;
  assert.equal(reader.read(), undefined);
  writer.publish(Uint8Array.of(7), 3);
  assert.deepEqual(reader.read()?.bytes, Uint8Array.of(7));
});

test('every single flipped bit of a slot is noticed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, bit) => {
      const cell = createSnapshotCell(64);
      openCellWriter(cell).publish(bytes, 1);
      const at = 64 + 64 + ((bit >>> 3) % bytes.byteLength); // generation 1 lies in slot 1
      const raw = new Uint8Array(cell);
      raw[at] = (raw[at] as number) ^ (1 << (bit & 7));
      assert.equal(openCellReader(cell, asObject).read(), undefined);
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test('a decoder that throws makes the generation no value', () => {
  const cell = createSnapshotCell(16);
  openCellWriter(cell).publish(Uint8Array.of(1), 1);
  const reader = openCellReader(cell, () => {
    throw new Error('no such format');
  });
  assert.equal(reader.read(), undefined);
});

test('memory that is no cell is refused', () => {
  assert.throws(
    () => openCellWriter(new SharedArrayBuffer(256)),
    (error) => error instanceof NodeError && error.code === 'snapshot_corrupt',
  );
});

/** What the reader and the racing writer tell each other, in one shared word. */
const racing = 0;
const readerIsDone = 1;
const writerEnded = 2;

/**
 * Publishes payloads of changing length filled with one number, the age telling which, as fast as it can. It
 * rests now and then, or a reader on the same core would never find a value that stands still.
 */
const racer = `
  import { workerData } from 'node:worker_threads';
  const state = new Int32Array(workerData.state);
  try {
    const { openCellWriter } = await import(workerData.module);
    const writer = openCellWriter(workerData.cell);
    for (let turn = 1; Atomics.load(state, 0) === ${racing}; turn++) {
      const number = turn % 250;
      writer.publish(new Uint8Array(1000 + number * 13).fill(number), turn * 2 ** 31 + turn);
      if (turn % 5 === 0) Atomics.wait(state, 0, ${racing}, 0.05);
    }
  } finally {
    Atomics.compareExchange(state, 0, ${racing}, ${writerEnded});
  }
`;
/** Reads in vain before the reader rests: with both on one core the writer would have to wait for its turn. */
const readsInVain = 1_000;

test('a reader never sees half a value while a real writer thread publishes as fast as it can', async () => {
  const cell = createSnapshotCell(8_192);
  const shared = new SharedArrayBuffer(4);
  const state = new Int32Array(shared);
  const module = import.meta.resolve('#src/shm/snapshotCell.js');
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(racer)}`), {
    workerData: { cell, state: shared, module },
  });
  const reader = openCellReader(cell, asObject);
  const values = new Set<unknown>();
  const ages = new Set<number>();
  const wanted = propertyRuns(100_000);
  let inVain = 0;
  while (values.size < wanted) {
    assert.equal(Atomics.load(state, 0), racing, 'the writer thread failed');
    if (inVain++ === readsInVain) {
      inVain = 0;
      Atomics.wait(state, 0, racing, 0.05);
    }
    const value = reader.read();
    const age = reader.readAtMs();
    if (age !== 0) {
      ages.add(age);
      assert.equal(Math.floor(age / 2 ** 31), age % 2 ** 31, 'the two halves of the age belong together');
    }
    if (value === undefined || values.has(value)) continue;
    values.add(value);
    inVain = 0;
    const number = value.bytes[0] as number;
    assert.equal(value.bytes.byteLength, 1000 + number * 13);
    assert.ok(value.bytes.every((byte) => byte === number));
  }
  Atomics.store(state, 0, readerIsDone);
  await once(worker, 'exit');
  assert.ok(ages.size > 100, `the reader saw ${ages.size} ages`);
});
