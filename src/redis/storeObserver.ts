/** How the store's users tell what they saw of it, for metrics. Runs on the fronts. */
import type { StoreFailure } from './storeFailure.js';

/** A closed set: the label `operation`. */
export type StoreOperation = 'claim' | 'enter' | 'leave' | 'session';

/** Called when an operation begins; what it returns is called when it ends. */
export type ObserveStore = (operation: StoreOperation) => (failure: StoreFailure | undefined) => void;
