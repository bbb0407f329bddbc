/** Refuses a body that announces itself as too large, before anything else is looked at. Runs on the fronts. */
import { NodeError } from '../errors/nodeError.js';
import type { Layer } from './route.js';

export function limitBody(maxBodyBytes: number): Layer {
  return (next) => (x) => {
    if ((x.head.contentLength ?? 0) > maxBodyBytes) x.fail(new NodeError('body_too_large'));
    else next(x);
  };
}
