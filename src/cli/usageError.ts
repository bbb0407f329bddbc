/** The command was called in a way that cannot work (exit code 2); the message tells the user how it can. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
