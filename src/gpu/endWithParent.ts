/**
 * Asks the kernel to kill this process when its parent ends, however that happens: a process inside a call that does
 * not return notices nothing itself. Linux only; runs in the telemetry process.
 */
import koffi from 'koffi';

/** `PR_SET_PDEATHSIG` of `sys/prctl.h`. */
const setParentDeathSignal = 1;
const killSignal = 9;

export function endWithParent(): void {
  try {
    const prctl = koffi.load(null).func('int prctl(int option, unsigned long value)');
    prctl(setParentDeathSignal, killSignal);
  } catch {
    // Another C library; then only a process that waits for questions notices.
  }
}
