/** The clock handed to everything that reads the time, so that tests can set it. Runs everywhere. */
export interface Clock {
  /** Unix time in milliseconds, as `Date.now()`. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** Unix time in whole seconds, rounded down. */
export const nowSeconds = (clock: Clock): number => Math.floor(clock.nowMs() / 1000);
