/** The load generator for machines without `wrk`: raw sockets in a process of its own, ordered by one message. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createAnswerReader } from './answerReader.js';

export interface SocketLoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly file: string;
  readonly recordBytes: number;
  readonly isRepeated: boolean;
}

process.once('message', (order: SocketLoadOrder) => {
  const { port, connections, seconds, file, recordBytes, isRepeated } = order;
  const records = readFileSync(file);
  const timesUs: number[] = [];
  let errors = 0;
  let at = 0;
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;

  const next = (): Buffer | undefined => {
    const from = isRepeated ? 0 : at;
    at += recordBytes;
    return from + recordBytes > records.length ? undefined : records.subarray(from, from + recordBytes);
  };
  const open = (): void => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let sentMs = 0;
    const ask = (): void => {
      const record = performance.now() < endMs ? next() : undefined;
      if (record === undefined) {
        socket.destroy();
        return;
      }
      sentMs = performance.now();
      socket.write(record);
    };
    const read = createAnswerReader((status) => {
      if (status === 200) timesUs.push((performance.now() - sentMs) * 1_000);
      else errors++;
      ask();
    });
    socket.on('data', read);
    socket.on('error', () => {
      errors++;
    });
    ask();
  };
  for (let count = 0; count < connections; count++) open();

  setTimeout(() => {
    timesUs.sort((a, b) => a - b);
    const { user, system } = process.cpuUsage();
    process.send?.({
      requests: timesUs.length + errors,
      seconds: (performance.now() - startedMs) / 1_000,
      errors,
      p50Us: timesUs[Math.floor(timesUs.length * 0.5)] ?? 0,
      p99Us: timesUs[Math.floor(timesUs.length * 0.99)] ?? 0,
      cpuUs: user + system,
    });
  }, seconds * 1_000);
});
process.once('disconnect', () => process.exit(0));
