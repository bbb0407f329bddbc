/** How often a property is tried: all runs with `FXN_TEST_FULL` set, a twentieth otherwise. */
export const propertyRuns = (full: number): number =>
  process.env['FXN_TEST_FULL'] ? full : Math.max(1, Math.ceil(full / 20));
