/** The graphics controllers that `systeminformation` knows. Runs only in the telemetry process: it blocks. */
import { graphics } from 'systeminformation';

export async function readControllers(): Promise<unknown> {
  return (await graphics()).controllers;
}
