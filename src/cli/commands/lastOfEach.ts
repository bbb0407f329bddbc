/** For the commands some of whose options may be given more than once. Runs in the command line. */

/** As everywhere in the program: of an option that takes one value the last one counts. */
export function lastOfEach<T extends object>(args: T, repeatable: readonly (keyof T & string)[]): T {
  const entries = Object.entries(args).map(([name, value]) => [
    name,
    Array.isArray(value) && name !== '_' && !repeatable.some((kept) => kept === name) ? value.at(-1) : value,
  ]);
  return Object.fromEntries(entries) as T;
}
