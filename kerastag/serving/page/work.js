// The files in turn: decoded, scored, and a taggram for the one that is looked at. Nothing of it touches the page.

import { decode } from "./decode.js";
import { isCancelled, Problem, sentence } from "./failures.js";

const NUM_PEAKS = 2400; // as many as a wide waveform has points

/** A file and what is known of it. */
export class Item {
  constructor(file) {
    this.file = file;
    this.path = file.webkitRelativePath || file.name;
    this.state = "waiting"; // working, done, failed or cancelled
    this.problem = "";
    this.seconds = 0;
    this.peaks = null; // [lowest, highest] of each stretch of the waveform, as two arrays
    this.forget();
  }

  /** Drops what another model said. */
  forget() {
    this.scores = null;
    this.taggram = null; // {startSeconds, scores, isWhole}
    this.taggramProblem = "";
  }
}

/** The queue. `changed(item)` is called when there is something new to see; `said(text, share)` with each step. */
export class Work {
  constructor({ connect, changed, said }) {
    Object.assign(this, { connect, changed, said });
    this.items = [];
    this.shown = null;
    this.model = null;
    this.controller = null;
  }

  get isRunning() {
    return this.controller !== null;
  }

  add(files) {
    const added = [...files].map((file) => new Item(file));
    this.items.push(...added);
    return added;
  }

  cancel() {
    this.controller?.abort();
  }

  /** Puts what failed or was cancelled back into the queue. */
  retry() {
    for (const item of this.items) {
      if (item.state === "failed" || item.state === "cancelled") Object.assign(item, { state: "waiting", problem: "" });
      item.taggramProblem = "";
    }
  }

  /** Works until nothing is left. Throws a Problem that concerns all files; a person's cancelling is none. */
  async run() {
    if (this.isRunning) return;
    this.controller = new AbortController();
    const { signal } = this.controller;
    try {
      this.said("Asking for the model", null);
      this.use(await this.connect(signal));
      for (let item = this.next(); item; item = this.next()) await this.advance(item, signal);
    } catch (error) {
      if (!isCancelled(error)) throw error;
      for (const item of this.items) if (item.state === "waiting") item.state = "cancelled";
    } finally {
      this.controller = null;
      this.changed(null);
    }
  }

  /** Takes a model; what another one said is worth nothing beside its scores. */
  use(model) {
    const before = this.model;
    const isSame = before && before.id === model.id && before.version === model.version;
    this.model = model;
    if (isSame) return;
    for (const item of this.items) {
      if (item.state === "done") item.state = "waiting";
      item.forget();
    }
  }

  /** The file to go on with: the one looked at first. */
  next() {
    const wantsTaggram = (item) =>
      item?.state === "done" && !item.taggram?.isWhole && !item.taggramProblem && this.model?.hasTaggram;
    if (this.shown?.state === "waiting" || wantsTaggram(this.shown)) return this.shown;
    return this.items.find((item) => item.state === "waiting");
  }

  async advance(item, signal) {
    const isScored = item.state === "done";
    try {
      if (!isScored) item.state = "working";
      const waveform = await this.waveform(item, signal);
      if (!item.scores) await this.score(item, waveform, signal);
      item.state = "done";
      this.changed(item);
      if (item === this.shown && this.model.hasTaggram) await this.addTaggram(item, waveform, signal);
    } catch (error) {
      this.note(item, error);
    }
  }

  note(item, error) {
    const isOfAll = error instanceof Problem && error.kind === "all";
    if (item.state === "done") {
      item.taggram = null;
      item.taggramProblem = isCancelled(error) ? "The taggram was cancelled." : `No taggram: ${sentence(error)}`;
    } else {
      item.state = isCancelled(error) ? "cancelled" : isOfAll ? "waiting" : "failed";
      item.problem = isOfAll || isCancelled(error) ? "" : sentence(error);
    }
    this.changed(item);
    if (isCancelled(error) || isOfAll) throw error;
  }

  async waveform(item, signal) {
    this.said(`Decoding ${item.path}`, this.share());
    this.changed(item);
    const waveform = await decode(item.file, this.model.sampleRate, signal);
    item.seconds = waveform.length / this.model.sampleRate;
    item.peaks ??= peaks(waveform);
    this.changed(item);
    return waveform;
  }

  async score(item, waveform, signal) {
    this.said(`Scoring ${item.path}`, this.share());
    item.scores = await this.model.score(waveform, signal);
  }

  async addTaggram(item, waveform, signal) {
    item.taggram = { startSeconds: [], scores: [], isWhole: false };
    for await (const part of this.model.taggram(waveform, signal)) {
      item.taggram.startSeconds.push(...part.startSeconds);
      item.taggram.scores.push(...part.scores);
      this.said(`Taggram of ${item.path}`, item.taggram.startSeconds.at(-1) / item.seconds);
      this.changed(item);
      if (item !== this.shown) return; // somebody looks at another file now: this one is done when they come back
    }
    item.taggram.isWhole = true;
    this.changed(item);
  }

  /** How many of several files are through; null for one alone. */
  share() {
    const through = this.items.filter((item) => item.state !== "waiting" && item.state !== "working").length;
    return this.items.length > 1 ? through / this.items.length : null;
  }
}

function peaks(waveform) {
  const count = Math.min(NUM_PEAKS, waveform.length);
  const low = new Float32Array(count), high = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const end = Math.floor(((i + 1) * waveform.length) / count);
    for (let at = Math.floor((i * waveform.length) / count); at < end; at++) {
      if (waveform[at] < low[i]) low[i] = waveform[at];
      if (waveform[at] > high[i]) high[i] = waveform[at];
    }
  }
  return [low, high];
}
