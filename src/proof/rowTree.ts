/**
 * The Merkle tree over the rows of a product. Leaves and inner nodes are hashed under different first bytes, and
 * an odd last node of a level moves up unchanged.
 */
import { createHash } from 'node:crypto';
import { leafBytes } from './protocol.js';

const leafTag = Buffer.from([0]);
const nodeTag = Buffer.from([1]);

/** @param row int32 little-endian values */
export function rowLeaf(index: number, row: Uint8Array): Buffer {
  const position = Buffer.alloc(4);
  position.writeUInt32LE(index, 0);
  return createHash('sha256').update(leafTag).update(position).update(row).digest();
}

const parent = (left: Uint8Array, right: Uint8Array): Buffer =>
  createHash('sha256').update(nodeTag).update(left).update(right).digest();

export interface RowTree {
  readonly root: Uint8Array;
  /** The siblings from a leaf to the top; a level where the node moves up unchanged has none. */
  path(index: number): Uint8Array[];
}

/**
 * Costs a hash a row, so it is built once for all the paths that are wanted of it. Takes 64 bytes a row and is kept
 * for as long as a commitment lives, so its nodes lie side by side: an object each would weigh ten times as much.
 *
 * @param leaves at least one, 32 bytes each, one behind the other
 */
export function buildRowTree(leaves: Uint8Array): RowTree {
  const levels = [leaves];
  for (let level = leaves; level.length > leafBytes; levels.push(level)) level = parentsOf(level);
  return {
    root: levels[levels.length - 1]!,
    path: (index) =>
      levels.slice(0, -1).flatMap((level, height) => {
        const sibling = ((index >>> height) ^ 1) * leafBytes;
        return sibling >= level.length ? [] : [level.subarray(sibling, sibling + leafBytes)];
      }),
  };
}

export const treeRoot = (leaves: Uint8Array): Uint8Array => buildRowTree(leaves).root;

export const treePath = (leaves: Uint8Array, index: number): Uint8Array[] => buildRowTree(leaves).path(index);

/** The root that a leaf and its path lead to; `undefined` when the path is not as long as the tree is high. */
export function rootOfPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  let node = leaf;
  let used = 0;
  for (let at = index, width = size; width > 1; at >>>= 1, width = (width + 1) >>> 1) {
    const isAlone = (at ^ 1) >= width;
    if (isAlone) continue;
    const sibling = path[used++];
    if (sibling === undefined) return undefined;
    node = (at & 1) === 0 ? parent(node, sibling) : parent(sibling, node);
  }
  return used === path.length ? node : undefined;
}

/** The level above: a node for each pair of this one's, and its last where that is alone. */
function parentsOf(level: Uint8Array): Uint8Array {
  const parents = Buffer.alloc(Math.ceil(level.length / (2 * leafBytes)) * leafBytes);
  for (let left = 0, at = 0; left < level.length; left += 2 * leafBytes, at += leafBytes) {
    const right = left + leafBytes;
    const first = level.subarray(left, right);
    parents.set(right < level.length ? parent(first, level.subarray(right, right + leafBytes)) : first, at);
  }
  return parents;
}
