// The best tags of a file: a bar, the score in figures, and how far to trust it.

import { figure } from "./chunks.js";
import { element } from "./dom.js";
import { badge, hasCard, wordOf } from "./trust.js";

/** Fills the list. `columns`: which tags, best first; `top`: the score of a full bar. */
export function drawBars(list, { tags, scores, columns, facts, top }) {
  list.replaceChildren(
    ...columns.map((column) => {
      const fill = element("span", { class: "fill" });
      fill.style.width = percent(scores[column] / top);
      if (wordOf(facts, tags[column]) === "near chance") fill.classList.add("doubtful");
      const meter = element("span", { class: "meter", "aria-hidden": "true" }, fill, element("span", { class: "now", hidden: true }));
      const name = element("span", { class: "tag", title: tags[column] }, tags[column]);
      const score = element("span", { class: "score" }, figure(scores[column], top));
      return element("li", {}, name, meter, score, hasCard(facts) ? badge(wordOf(facts, tags[column])) : null);
    }),
  );
}

/** Marks on each bar the score at the time that is played; null: nowhere. */
export function markNow(list, scoresNow, columns, top) {
  list.querySelectorAll(".now").forEach((mark, i) => {
    mark.hidden = !scoresNow;
    if (scoresNow) mark.style.left = percent(scoresNow[columns[i]] / top);
  });
}

const percent = (share) => `${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%`;
