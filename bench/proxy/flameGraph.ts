/** Draws a CPU profile of V8 as a flame graph: one SVG file that needs nothing else, with a tooltip on each frame. */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

interface Frame {
  readonly name: string;
  readonly children: Map<string, Frame>;
  us: number;
}

const width = 1_400;
const rowHeight = 17;
const top = 34;
/** Narrower frames cannot be seen. */
const leastWidth = 0.4;
/** Starting and stopping a profile takes time in the thread itself, which is not the program's. */
const recorder = 'profileThread.js';
const characterWidth = 6.6;

export function drawFlameGraph(profile: CpuProfile, title: string): string {
  const root = readFrames(profile);
  const depth = depthOf(root);
  const height = top + (depth + 1) * rowHeight + 8;
  const shapes: string[] = [];
  draw(root, { x: 0, row: 0, depth, total: root.us, shapes });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fffdf7"/>
<text x="8" y="20" font-size="14">${escaped(title)}: ${Math.round(root.us / 1_000)} ms of CPU, idle time left out</text>
${shapes.join('\n')}
</svg>
`;
}

/** Frames of one name under one parent are one. */
function readFrames({ nodes, samples = [], timeDeltas = [] }: CpuProfile): Frame {
  const parents = new Map<number, number>();
  const names = new Map<number, string>();
  for (const { id, callFrame, children = [] } of nodes) {
    names.set(id, nameOf(callFrame));
    for (const child of children) parents.set(child, id);
  }
  const selfUs = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  }
  const root: Frame = { name: 'all', children: new Map(), us: 0 };
  for (const [id, us] of selfUs) {
    if (names.get(id) === '(idle)') continue;
    const stack: string[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at))
      stack.unshift(names.get(at)!);
    if (stack.some((name) => name.includes(recorder))) continue;
    let frame = root;
    frame.us += us;
    for (const name of stack.slice(1)) {
      let child = frame.children.get(name);
      if (child === undefined) {
        child = { name, children: new Map(), us: 0 };
        frame.children.set(name, child);
      }
      child.us += us;
      frame = child;
    }
  }
  return root;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.replace(/^.*\/(?:node_modules|dist)\//, '').replace(/^file:\/\//, '');
  return `${name} ${file}:${lineNumber + 1}`;
}

const depthOf = ({ children }: Frame): number => 1 + Math.max(0, ...[...children.values()].map(depthOf));

interface Place {
  readonly x: number;
  readonly row: number;
  readonly depth: number;
  readonly total: number;
  readonly shapes: string[];
}

function draw(frame: Frame, place: Place): void {
  const { x, row, depth, total, shapes } = place;
  const wide = (frame.us / total) * width;
  if (!(wide >= leastWidth)) return;
  // The root is at the bottom.
  const y = top + (depth - row) * rowHeight;
  const share = ((frame.us / total) * 100).toFixed(1);
  const letters = Math.floor(wide / characterWidth) - 1;
  const label = letters > 2 ? escaped(frame.name.slice(0, letters)) : '';
  shapes.push(
    `<g><title>${escaped(frame.name)}, ${share} %, ${Math.round(frame.us / 1_000)} ms</title><rect x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${colourOf(frame.name)}"/><text x="${(x + 3).toFixed(1)}" y="${y + 12}">${label}</text></g>`,
  );
  let at = x;
  for (const child of [...frame.children.values()].sort((a, b) => b.us - a.us)) {
    draw(child, { ...place, x: at, row: row + 1 });
    at += (child.us / total) * width;
  }
}

/** One colour per name; the runtime's own are grey. */
function colourOf(name: string): string {
  if (name.startsWith('(')) return '#cfcfcf';
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
  return `hsl(${20 + (hash % 40)}, 85%, ${62 + (hash % 17)}%)`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
