/** An answer that is JSON already, because a compute thread wrote the large part of it. */
export class JsonText {
  readonly text: string | Uint8Array;

  /** @param text as bytes over shared memory where it is very long */
  constructor(text: string | Uint8Array) {
    this.text = text;
  }
}
