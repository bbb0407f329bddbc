/** Tells display adapters that hypervisors and remote desktops pretend from GPUs. Runs in main. */

const virtualAdapters: readonly RegExp[] = [
  /\bvmware\b/i,
  /\bsvga\b/i,
  /\bcirrus\b/i,
  /\bqxl\b/i,
  /\bred hat\b/i,
  /\bbochs\b/i,
  /\bvirtio\b/i,
  /\bvirtual(?:box)?\b/i,
  /\bparavirtual\b/i,
  /\bparallels\b/i,
  /\bhyper-?v\b/i,
  /\bmicrosoft\b/i,
  /\bremote (?:desktop|display)\b/i,
  /\bcitrix\b/i,
  /\bspacedesk\b/i,
  // Consoles of server boards.
  /\baspeed\b/i,
  /\bmatrox\b/i,
];

/** By any of its names: maker, model, driver. */
export const isVirtualAdapter = (...names: readonly (string | null | undefined)[]): boolean =>
  names.some((name) => typeof name === 'string' && virtualAdapters.some((pattern) => pattern.test(name)));
