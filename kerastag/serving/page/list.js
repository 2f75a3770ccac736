// Several files as a table: sorted by a tag, by name or as they came, and to be saved as CSV.

import { figure, ranking, scaleTop } from "./chunks.js";
import { csv, save } from "./csv.js";
import { byId, clock, element } from "./dom.js";

const ADDED = "added", NAME = "name", TAG = "tag:";
const NUM_TOP = 3;
const STATES = { waiting: "waiting", working: "working…", cancelled: "cancelled", failed: "failed" };

/** The section with the table. `chosen(item)` is called when a person picks a file. */
export class List {
  constructor(chosen) {
    Object.assign(this, { chosen, items: [], shown: null, tags: [], isFalling: false });
    this.sort = byId("sort");
    this.sort.addEventListener("change", () => this.sortBy(this.sort.value));
    byId("turn").addEventListener("click", () => this.turn());
    byId("save").addEventListener("click", () => this.save());
    this.fillSort();
  }

  show(items, shown, tags) {
    const isOther = tags.join("\n") !== this.tags.join("\n");
    Object.assign(this, { items, shown, tags });
    if (isOther) this.fillSort();
    byId("list").hidden = items.length < 2;
    byId("save").disabled = !this.scored().length;
    this.draw();
  }

  fillSort() {
    const kept = this.sort.value;
    const option = (value, text) => element("option", { value }, text);
    const names = this.tags.map((tag) => [TAG + tag, tag]).sort((a, b) => a[1].localeCompare(b[1]));
    const group = element("optgroup", { label: "Score of a tag" }, ...names.map(([value, text]) => option(value, text)));
    this.sort.replaceChildren(option(ADDED, "Order added"), option(NAME, "File name"), ...(names.length ? [group] : []));
    this.sort.value = [...this.sort.options].some((one) => one.value === kept) ? kept : ADDED;
  }

  /** Scores fall and names rise, until somebody turns them round. */
  sortBy(value) {
    this.sort.value = value;
    this.isFalling = value.startsWith(TAG);
    this.draw();
  }

  turn() {
    this.isFalling = !this.isFalling;
    this.draw();
  }

  get tag() {
    return this.sort.value.startsWith(TAG) ? this.sort.value.slice(TAG.length) : null;
  }

  /** What cannot be compared, for want of scores, stands last either way. */
  sorted() {
    const column = this.tags.indexOf(this.tag);
    const sign = this.isFalling ? -1 : 1;
    const places = new Map(this.items.map((item, i) => [item, i]));
    const byPlace = (a, b) => places.get(a) - places.get(b);
    if (this.sort.value === NAME) return [...this.items].sort((a, b) => sign * a.path.localeCompare(b.path) || byPlace(a, b));
    if (column < 0) return [...this.items].sort((a, b) => sign * byPlace(a, b));
    const missing = (item) => (item.scores ? 0 : 1);
    const byScore = (a, b) => (a.scores && b.scores ? sign * (a.scores[column] - b.scores[column]) : 0);
    return [...this.items].sort((a, b) => missing(a) - missing(b) || byScore(a, b) || byPlace(a, b));
  }

  draw() {
    const direction = this.isFalling ? "descending" : "ascending";
    byId("turn").textContent = this.isFalling ? "↓ Falling" : "↑ Rising";
    byId("turn").setAttribute("aria-label", `Order: ${direction}`);
    const sorted = (isThis) => (isThis ? direction : null);
    const titles = [
      element("th", { scope: "col", "aria-sort": sorted(this.sort.value === NAME) }, "File"),
      element("th", { scope: "col", class: "length" }, "Length"),
      this.tag && element("th", { scope: "col", "aria-sort": sorted(true) }, this.tag),
      element("th", { scope: "col" }, "Best tags"),
    ];
    byId("list-head").replaceChildren(element("tr", {}, ...titles));
    const hadFocus = document.activeElement?.closest?.("#list-body") ? document.activeElement.dataset.place : null;
    byId("list-body").replaceChildren(...this.sorted().map((item) => this.row(item)));
    if (hadFocus) byId("list-body").querySelector(`[data-place="${hadFocus}"]`)?.focus(); // drawn anew under the fingers
  }

  row(item) {
    const isShown = item === this.shown;
    const place = this.items.indexOf(item);
    const pick = element("button", { type: "button", class: "pick", "data-place": place, "aria-current": isShown && "true" }, item.path);
    pick.addEventListener("click", () => this.chosen(item));
    const length = item.seconds ? clock(item.seconds) : "";
    const cells = [
      element("th", { scope: "row" }, pick),
      element("td", { class: "figure length" }, length),
      this.tag && element("td", { class: "figure" }, item.scores ? item.scores[this.tags.indexOf(this.tag)].toFixed(3) : "–"),
      element("td", { class: `said ${item.state}` }, item.scores ? this.best(item) : item.problem || STATES[item.state] || ""),
    ];
    return element("tr", { class: isShown ? "shown" : null }, ...cells);
  }

  best(item) {
    const columns = ranking(item.scores).slice(0, NUM_TOP);
    const top = scaleTop(item, columns);
    return columns.map((column) => `${this.tags[column]} ${figure(item.scores[column], top)}`).join(" · ");
  }

  scored() {
    return this.sorted().filter((item) => item.scores);
  }

  save() {
    save(csv(this.tags, this.scored()), "tags.csv");
  }
}
