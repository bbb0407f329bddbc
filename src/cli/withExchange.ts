/** What a broken or second exchange is to whoever typed the command. Runs in the command line. */
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes } from './exitCode.js';
import { ExchangeFailed } from './signedExchange.js';

/** @param work is handed what to call before a request is signed again */
export async function withExchange(
  io: Pick<CliIo, 'err'> & Pick<StreamIo, 'signal'>,
  work: (onSecondAttempt: () => void) => Promise<number>,
): Promise<number> {
  try {
    return await work(() => io.err('The node has only just started (auth_expired): signing again.'));
  } catch (thrown) {
    if (io.signal.aborted) {
      io.err('Broken off.');
      return exitCodes.interrupted;
    }
    if (!(thrown instanceof ExchangeFailed)) throw thrown;
    io.err(thrown.message);
    return exitCodes.failed;
  }
}
