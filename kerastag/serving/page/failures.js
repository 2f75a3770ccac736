// What the page says when something goes wrong: one sentence for people, and a kind that decides what happens next.

/** A failure that a person can mend. `kind`: "all" stops the whole list, "file" is of one file alone. */
export class Problem extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "Problem";
    this.kind = kind;
  }
}

/** Whether an error only says that a person cancelled. */
export const isCancelled = (error) => error?.name === "AbortError";

/** The sentence for any error; those that nobody foresaw keep their own words. */
export const sentence = (error) => (error instanceof Problem ? error.message : `Unexpected: ${error?.message ?? error}`);
