/** An answer that is JSON already, because a compute thread wrote the large part of it. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
