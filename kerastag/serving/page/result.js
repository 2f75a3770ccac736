// One file's result: its tags as bars, its taggram over the waveform, and playing it.

import { drawBars, markNow } from "./bars.js";
import { figure, ranking } from "./chunks.js";
import { byId, clock, element } from "./dom.js";
import { Player } from "./player.js";
import { Plot } from "./plot.js";
import { scoreTable, taggramTable } from "./tables.js";
import { hasCard } from "./trust.js";

const NUM_SHOWN = 8;

/** The section of the page that shows one file. `facts`: what the export wrote beside the page. */
export class Result {
  constructor(facts) {
    Object.assign(this, { facts, item: null, model: null, columns: [], showsAll: false });
    const rowHeight = Number.parseFloat(getComputedStyle(byId("result")).getPropertyValue("--row"));
    this.plot = new Plot(byId("canvas"), rowHeight);
    this.player = new Player({
      ...{ audio: byId("audio"), button: byId("play"), slider: byId("slider"), head: byId("head"), time: byId("time") },
      ...{ describe: (seconds) => this.heard(seconds), moved: (seconds) => this.mark(seconds) },
    });
    byId("slider").addEventListener("pointermove", (event) => this.hover(event));
    byId("slider").addEventListener("pointerleave", () => (byId("hover").hidden = true));
    byId("more").addEventListener("click", () => this.toggleAll());
    for (const id of ["scores-details", "taggram-details"]) byId(id).addEventListener("toggle", () => this.fillTables());
  }

  /** Shows a file as far as it is known. */
  show(item, model) {
    const isOther = item !== this.item;
    Object.assign(this, { item, model });
    byId("result").hidden = item.state === "waiting" && !item.peaks;
    byId("name").textContent = item.path;
    if (isOther) this.player.load(item.file, item.seconds);
    else if (this.player.seconds !== item.seconds) this.player.setLength(item.seconds);
    this.update();
  }

  update() {
    const { item, model } = this;
    const order = item.scores ? ranking(item.scores) : [];
    this.columns = this.showsAll ? order : order.slice(0, NUM_SHOWN);
    byId("labels").replaceChildren(...this.columns.map((column) => element("li", {}, model.tags[column])));
    const hasRows = !model || (model.hasTaggram && !item.taggramProblem && !item.problem);
    byId("result").classList.toggle("with-taggram", hasRows);
    byId("result").classList.toggle("no-card", !hasCard(this.facts));
    byId("result").classList.toggle("loading", hasRows && item.state === "working");
    byId("view").hidden = !item.peaks;
    byId("slider").classList.toggle("unready", !item.seconds);
    byId("bars-head").hidden = !item.scores;
    this.plot.show(item, this.columns, model ? model.chunkSamples / model.sampleRate : 1, hasRows);
    const { top } = this.plot;
    drawBars(byId("bars"), { tags: model?.tags, scores: item.scores, columns: this.columns, facts: this.facts, top });
    byId("bars-top").textContent = `Score, bar up to ${top}`;
    this.updateNotes(order.length);
    this.player.follow();
    this.fillTables();
  }

  updateNotes(numTags) {
    const { item, model } = this;
    const isShort = model && item.scores && item.seconds < model.chunkSamples / model.sampleRate;
    const notes = [
      item.problem,
      item.state === "cancelled" ? "Cancelled before it was scored." : "",
      item.scores && model && !model.hasTaggram ? NO_TAGGRAM : item.taggramProblem,
      isShort ? `Shorter than the ${chunkSeconds(model)} s that the model hears at a time: silence was added.` : "",
      item.scores ? this.ofVersion() : "",
    ].filter(Boolean);
    byId("notes").replaceChildren(...notes.map((text) => element("p", {}, text)));
    byId("more").hidden = numTags <= NUM_SHOWN;
    byId("more").textContent = this.showsAll ? `Show the best ${NUM_SHOWN}` : `Show all ${numTags} tags`;
    byId("more").setAttribute("aria-expanded", String(this.showsAll));
    byId("legend").hidden = !item.taggram;
    if (item.taggram) this.updateLegend();
    byId("scores-details").hidden = !item.scores;
    byId("taggram-details").hidden = !item.taggram?.isWhole;
    byId("words").hidden = !item.scores || !hasCard(this.facts);
  }

  /** Whether the reliability is that of the version that answered. */
  ofVersion() {
    const { facts, model } = this;
    if (!hasCard(facts)) return "How far each tag can be trusted is not known to this page.";
    if (facts.name === model?.name && facts.version === model?.version) return "";
    const which = model?.version ? `${model.name}, version ${model.version},` : `file ${model?.name}`;
    return `Reliability is that of ${facts.name}, version ${facts.version}, not of the ${which} that answered.`;
  }

  updateLegend() {
    byId("ramp").style.background = `linear-gradient(to right, ${this.plot.colors.join(",")})`;
    byId("ramp-top").textContent = String(this.plot.top);
    byId("legend-text").textContent = `score of each ${chunkSeconds(this.model)} s · time in minutes and seconds`;
  }

  toggleAll() {
    this.showsAll = !this.showsAll;
    this.update();
  }

  /** The best tag at a time, for the slider's words. */
  heard(seconds) {
    const now = this.plot.scoresAt(seconds);
    if (!now) return "";
    const best = ranking(now)[0];
    return `, ${this.model.tags[best]} ${figure(now[best], this.plot.top)}`;
  }

  mark(seconds) {
    const isUnderWay = seconds > 0 || !byId("audio").paused;
    markNow(byId("bars"), isUnderWay ? this.plot.scoresAt(seconds) : null, this.columns, this.plot.top);
  }

  hover(event) {
    const hover = byId("hover"), box = byId("slider").getBoundingClientRect();
    const seconds = this.player.secondsAt(event);
    hover.hidden = !this.item.seconds;
    hover.textContent = `${clock(seconds)}${this.under(event.clientY - box.top, seconds)}`;
    const half = hover.offsetWidth / 2;
    hover.style.left = `${Math.max(half, Math.min(box.width - half, event.clientX - box.left))}px`;
  }

  /** The tag of the row under a pointer and its score there; over the waveform the best tag. */
  under(y, seconds) {
    const now = this.plot.scoresAt(seconds);
    const column = this.columns[this.plot.rowAt(y)];
    if (!now) return "";
    return column === undefined ? this.heard(seconds).replace(",", " ·") : ` · ${this.model.tags[column]} ${figure(now[column], this.plot.top)}`;
  }

  /** Tables are long: they are made when somebody opens them. */
  fillTables() {
    const { item, model, columns, facts } = this;
    const fill = (id, made) => byId(id).open && byId(`${id}-table`).replaceChildren(made());
    if (item?.scores) fill("scores-details", () => scoreTable(model.tags, item.scores, facts));
    if (item?.taggram?.isWhole) fill("taggram-details", () => taggramTable(model.tags, columns, item.taggram));
  }
}

const NO_TAGGRAM = "This model has no taggram: the scores are of the whole file, not of moments in it.";
const chunkSeconds = (model) => (model.chunkSamples / model.sampleRate).toFixed(1);
