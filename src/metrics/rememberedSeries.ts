/** Series of a metric that are looked up once and kept, so that a request costs no label hashing. Runs on the fronts. */

/** Made when it is first counted, so that no series stands at zero for what never happens. */
export function remembered<Key, Series>(make: (key: Key) => Series): (key: Key) => Series {
  const made = new Map<Key, Series>();
  return (key) => {
    let series = made.get(key);
    if (series === undefined) {
      series = make(key);
      made.set(key, series);
    }
    return series;
  };
}

/** The same where there is nothing to tell apart. */
export function once<Series>(make: () => Series): () => Series {
  let made: Series | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
