// How far a tag's scores can be trusted: the words of the run's reliability card, each with a shape of its own.

import { element } from "./dom.js";

const SHAPES = { reliable: "full", weak: "half", "near chance": "empty", unmeasured: "none", "": "none" };

/** Whether the model's tags were measured at all. */
export const hasCard = (facts) => Object.keys(facts.reliability ?? {}).length > 0;

/** The word of a tag, "" where there is no card. */
export const wordOf = (facts, tag) => facts.reliability?.[tag]?.word ?? "";

/** A shape and the word. */
export function badge(word) {
  const shape = element("span", { class: `shape ${SHAPES[word] ?? "none"}`, "aria-hidden": "true" });
  return element("span", { class: "trust" }, shape, word || "not measured");
}

/** What was measured of a tag, in words. */
export function measured(facts, tag) {
  const row = facts.reliability?.[tag];
  if (!row || row.pr_auc === null || row.pr_auc === undefined) return "";
  const interval = row.low === null || row.high === null ? "" : `, ${row.low.toFixed(2)} to ${row.high.toFixed(2)}`;
  return `${row.pr_auc.toFixed(2)}${interval}`;
}
