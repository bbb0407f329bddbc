/**
 * The models with their places in shared memory: a lane for each model, the line in which its requests wait, and a
 * slot for each backend, the column in which its requests are counted. What is the same before and after a reload
 * keeps its place; what was removed gives it back once nobody waits or streams there. Main assigns, fronts read.
 */
import { createHash } from 'node:crypto';
import type { Backend, Model, ModelBackends } from '../config/modelBackends.js';
import { NodeError } from '../errors/nodeError.js';

export interface RoutedBackend extends Backend {
  readonly slot: number;
  /** `host:port`: the metric label `backend`. */
  readonly label: string;
  /** 32 bits that stay the same over restarts and nodes; for affinity. */
  readonly identityHash: number;
}

export interface RoutedModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fxnId: string;
  readonly backends: readonly RoutedBackend[];
  readonly lane: number;
}

/** Plain data: it crosses to the fronts. */
export interface RoutedModels {
  readonly models: readonly RoutedModel[];
  readonly default: string | null;
  readonly loadedAt: number;
}

export interface Routing {
  /** @throws NodeError `config_invalid` when more backends or models are in use than there are places */
  assign(backends: ModelBackends): RoutedModels;
}

export interface RoutingOptions {
  readonly slots: number;
  readonly lanes: number;
  /** Whether no request of a slot is in flight any more. */
  readonly isSlotIdle: (slot: number) => boolean;
  /** Whether nobody waits in a lane any more. */
  readonly isLaneIdle: (lane: number) => boolean;
  /** Called when a slot gets another backend than it had. */
  readonly onNewSlot: (slot: number) => void;
}

export function createRouting(options: RoutingOptions): Routing {
  const slots = createPlaces('backends', options.slots, options.isSlotIdle);
  const lanes = createPlaces('models', options.lanes, options.isLaneIdle);

  return {
    assign({ models, default: defaultModel, loadedAt }) {
      const identities = new Map(models.map((model) => [model, identitiesOf(model)]));
      const slotPlan = slots.plan([...identities.values()].flat());
      const lanePlan = lanes.plan(models.map(({ name }) => name));
      slotPlan.commit();
      lanePlan.commit();
      for (const slot of slotPlan.fresh) options.onNewSlot(slot);
      const routed = models.map((model) => ({
        ...model,
        lane: lanePlan.placeOf(model.name),
        backends: model.backends.map((backend, index) => ({
          ...backend,
          slot: slotPlan.placeOf(identities.get(model)![index]!),
          label: new URL(backend.url).host,
          identityHash: createHash('sha256')
            .update(JSON.stringify([backend.url, backend.model]))
            .digest()
            .readInt32LE(0),
        })),
      }));
      return { models: routed, default: defaultModel, loadedAt };
    },
  };
}

/** What each backend of a model is known by over reloads, wherever it stands in the list; twins are numbered. */
function identitiesOf({ name, backends }: Model): readonly string[] {
  const twins = new Map<string, number>();
  return backends.map(({ url, model: upstreamName }) => {
    const server = JSON.stringify([name, url, upstreamName]);
    const twin = twins.get(server) ?? 0;
    twins.set(server, twin + 1);
    return `${server} ${twin}`;
  });
}

interface Places {
  /** A place for every identity; nothing changes until it is committed. */
  plan(identities: readonly string[]): PlacePlan;
}

interface PlacePlan {
  placeOf(identity: string): number;
  /** Places that change hands. */
  readonly fresh: readonly number[];
  commit(): void;
}

function createPlaces(what: string, count: number, isIdle: (place: number) => boolean): Places {
  let taken = new Map<string, number>();
  let leaving = new Set<number>();

  return {
    plan(identities) {
      const stillLeaving = new Set([...leaving].filter((place) => !isIdle(place)));
      const used = new Set([...taken.values(), ...stillLeaving]);
      const kept = new Map<string, number>();
      const fresh: number[] = [];
      let next = 0;
      for (const identity of identities) {
        let place = kept.get(identity) ?? taken.get(identity);
        if (place === undefined) {
          while (used.has(next)) next++;
          if (next >= count) {
            throw new NodeError('config_invalid', {
              message: `at most ${count} ${what} can be in use at once`,
            });
          }
          place = next;
          used.add(place);
          fresh.push(place);
        }
        kept.set(identity, place);
      }
      for (const [identity, place] of taken) if (!kept.has(identity)) stillLeaving.add(place);
      return {
        placeOf: (identity) => kept.get(identity)!,
        fresh,
        commit() {
          taken = kept;
          leaving = stillLeaving;
        },
      };
    },
  };
}
