/** How long main waits for the answer of a thread that somebody else is waiting for. Used in main. */
export const threadReplyMs = 2_000;
