/** Series of a metric that are looked up once and kept, so that a request costs no label hashing. Runs on the fronts. */

/** Made when it is first counted, so that no series stands at zero for what never happens. */
export function remembered<Series>(make: (label: string) => Series): (label: string) => Series {
  const made = new Map<string, Series>();
  return (label) => {
    let series = made.get(label);
    if (series === undefined) {
      series = make(label);
      made.set(label, series);
    }
    return series;
  };
}
