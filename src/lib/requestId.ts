/** Request ids: the caller's when it is harmless, else one made here. Runs on the fronts. */
import { randomUUID } from 'node:crypto';

/** What may be logged, sent back and forwarded as it is. */
const harmless = /^[A-Za-z0-9._:-]{1,128}$/;

export function requestIdFrom(header: string | undefined): string {
  return header !== undefined && harmless.test(header) ? header : randomUUID();
}
