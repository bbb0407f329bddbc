/**
 * The backend of the overload bench, in a process of its own: each request takes a fixed time, of which the second half
 * streams. Tells its port to the process that forked it.
 */
import {
  chunk,
  chunkedHead,
  eventStream,
  lastChunk,
  type RawRequest,
  startRawBackend,
} from '#test/support/rawBackend.js';

const serviceMs = Number(process.argv[2]);
const first = Buffer.concat([Buffer.from(chunkedHead(eventStream)), chunk('data: {"model":"m"}\n\n')]);
const last = Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]);

const backend = await startRawBackend(({ socket }) => {
  // Kept requests would grow over the run.
  (backend.requests as RawRequest[]).length = 0;
  setTimeout(() => {
    socket.write(first);
    setTimeout(() => socket.write(last), serviceMs / 2);
  }, serviceMs / 2);
});
process.send?.(backend.port);
process.once('disconnect', () => process.exit(0));
