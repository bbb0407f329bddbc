/** HTTP status codes as the status lines uWebSockets.js wants. Runs on the fronts. */
import { STATUS_CODES } from 'node:http';

export function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? 'Status'}`;
}
