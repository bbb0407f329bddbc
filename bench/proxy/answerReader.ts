/** Finds the ends of HTTP answers in the bytes of one connection, by length or by chunks, with little work. */

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

/** `done` is called with the status after each whole answer; one request at a time is on its way. */
export function createAnswerReader(done: (status: number, answer: Buffer) => void): (piece: Buffer) => void {
  let answer: Buffer | undefined;
  return (piece) => {
    answer = answer === undefined ? piece : Buffer.concat([answer, piece]);
    const end = answer.indexOf(headEnd);
    if (end === -1) return;
    const head = answer.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const isWhole =
      length === undefined
        ? answer.subarray(-lastChunk.length).equals(lastChunk)
        : answer.length >= end + headEnd.length + Number(length);
    if (!isWhole) return;
    const whole = answer;
    answer = undefined;
    done(Number(head.slice(9, 12)), whole);
  };
}
