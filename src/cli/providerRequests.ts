/** The requests that the words of `fxn provider …` stand for. Runs in the command line. */
import { urlProblem } from '../provider/providerMetadata.js';
import type { MakeRequest } from './provider.js';
import { idOf, modelIdOf, wholeNumberOf } from './providerOptions.js';
import { UsageError } from './usageError.js';

export interface RegisterOptions {
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  readonly url?: string | undefined;
  readonly name?: string | undefined;
  readonly withoutStake?: boolean | undefined;
}

export const registerRequest =
  ({ id, model, url, name, withoutStake }: RegisterOptions): MakeRequest =>
  (loaded, defaultId) => {
    const reached = url ?? loaded.config.node.publicUrl;
    if (reached === '') {
      throw new UsageError(
        'How do gateways reach this node? Give its URL with --url, or set node.publicUrl in config.yaml.',
      );
    }
    checkUrl(reached, url === undefined ? 'node.publicUrl' : '--url');
    return {
      action: 'register',
      id: idOf(id),
      defaultId,
      modelId: modelIdOf(model, loaded),
      url: reached,
      name,
      isStaked: withoutStake !== true,
    };
  };

export interface UpdateOptions {
  readonly id?: string | undefined;
  readonly url?: string | undefined;
  readonly name?: string | undefined;
}

export const updateRequest =
  ({ id, url, name }: UpdateOptions): MakeRequest =>
  ({ config }) => {
    const isNameOnly = url === undefined && name !== undefined;
    const reached = url ?? (isNameOnly ? undefined : config.node.publicUrl || undefined);
    if (reached === undefined && name === undefined) {
      throw new UsageError('What shall change? Give --url or --name, or set node.publicUrl in config.yaml.');
    }
    if (reached !== undefined) checkUrl(reached, url === undefined ? 'node.publicUrl' : '--url');
    return { action: 'update', id: idOf(id), url: reached, name };
  };

export const plainRequest =
  (action: 'stake' | 'pause' | 'unpause', { id }: { readonly id?: string | undefined }): MakeRequest =>
  () => ({ action, id: idOf(id) });

export interface ClaimOptions {
  readonly fromEpoch: string;
  readonly toEpoch?: string | undefined;
}

export const claimRequest =
  ({ fromEpoch, toEpoch }: ClaimOptions): MakeRequest =>
  () => {
    const from = wholeNumberOf(fromEpoch, '--from-epoch');
    const to = toEpoch === undefined ? undefined : wholeNumberOf(toEpoch, '--to-epoch');
    if (to !== undefined && from > to) throw new UsageError('--from-epoch comes after --to-epoch.');
    return { action: 'claim', fromEpoch: from, toEpoch: to };
  };

function checkUrl(url: string, source: string): void {
  const problem = urlProblem(url);
  if (problem !== undefined) throw new UsageError(`${source}: ${problem}`);
}
