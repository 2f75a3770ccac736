// The best tags of a file: a bar, the score in figures, and how far to trust it.

import { element } from "./dom.js";
import { badge, wordOf } from "./trust.js";

/** Fills the list. `columns`: which tags, best first. */
export function drawBars(list, { tags, scores, columns, facts }) {
  list.replaceChildren(
    ...columns.map((column) => {
      const fill = element("span", { class: "fill" });
      fill.style.width = percent(scores[column]);
      if (wordOf(facts, tags[column]) === "near chance") fill.classList.add("doubtful");
      const meter = element("span", { class: "meter", "aria-hidden": "true" }, fill, element("span", { class: "now", hidden: true }));
      const name = element("span", { class: "tag", title: tags[column] }, tags[column]);
      const score = element("span", { class: "score" }, scores[column].toFixed(2));
      return element("li", {}, name, meter, score, badge(wordOf(facts, tags[column])));
    }),
  );
}

/** Marks on each bar the score at the time that is played; null: nowhere. */
export function markNow(list, scoresNow, columns) {
  list.querySelectorAll(".now").forEach((mark, i) => {
    mark.hidden = !scoresNow;
    if (scoresNow) mark.style.left = percent(scoresNow[columns[i]]);
  });
}

const percent = (score) => `${(100 * Math.max(0, Math.min(1, score))).toFixed(1)}%`;
