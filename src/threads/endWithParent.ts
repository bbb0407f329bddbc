/**
 * Has Linux kill this process when its parent dies, even while a native call that never returns holds up the event
 * loop and with it the news that the channel is closed. Elsewhere that news must do. Runs in child processes that
 * load native libraries.
 */

/** `PR_SET_PDEATHSIG` of prctl(2). */
const setParentDeathSignal = 1;
const sigkill = 9;

export async function endWithParent(): Promise<void> {
  if (process.platform !== 'linux') return;
  try {
    const { default: koffi } = await import('koffi');
    const prctl = koffi.load(null).func('int prctl(int option, unsigned long argument)');
    prctl(setParentDeathSignal, sigkill);
  } catch (thrown) {
    // Without it the process still ends with its parent, unless it hangs at that moment.
    process.stderr.write(`no parent death signal: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  }
  // The parent may have died before it was asked for.
  if (!process.connected) process.kill(process.pid, 'SIGKILL');
}
