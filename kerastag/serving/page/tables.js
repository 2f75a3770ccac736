// What bars and colours show, once more as tables, for who reads rather than looks.

import { ranking } from "./chunks.js";
import { clock, element } from "./dom.js";
import { hasCard, measured, wordOf } from "./trust.js";

const cell = (text, attributes = {}) => element("td", attributes, text);
const head = (text, scope = "col") => element("th", { scope }, text);

/** All tags of a file, best first. */
export function scoreTable(tags, scores, facts) {
  const isMeasured = hasCard(facts);
  const titles = ["Tag", "Score", ...(isMeasured ? ["Reliability", "PR-AUC, 95 % interval"] : [])];
  const rows = ranking(scores).map((column) => {
    const tag = tags[column];
    const more = isMeasured ? [cell(wordOf(facts, tag) || "not measured"), cell(measured(facts, tag))] : [];
    return element("tr", {}, head(tag, "row"), cell(scores[column].toFixed(3), { class: "figure" }), ...more);
  });
  return table("All scores", titles, rows);
}

/** The taggram: a line for each chunk, a column for each of the tags that are shown. */
export function taggramTable(tags, columns, taggram) {
  const rows = taggram.startSeconds.map((start, chunk) => {
    const scores = columns.map((column) => cell(taggram.scores[chunk][column].toFixed(3), { class: "figure" }));
    return element("tr", {}, head(clock(start), "row"), ...scores);
  });
  return table("Scores over time", ["From", ...columns.map((column) => tags[column])], rows);
}

function table(caption, titles, rows) {
  const header = element("thead", {}, element("tr", {}, ...titles.map((title) => head(title))));
  return element("table", {}, element("caption", {}, caption), header, element("tbody", {}, ...rows));
}
