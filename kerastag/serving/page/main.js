// Wires the page: files in by dropping or picking, the model asked, results out.

import { Asking } from "./asking.js";
import { byId, element, plural } from "./dom.js";
import { sentence } from "./failures.js";
import { List } from "./list.js";
import { Result } from "./result.js";
import { Work } from "./work.js";

const NO_FACTS = { name: "", version: null, server: "http://localhost:8501", mean_of_chunks: false, reliability: {} };

/** What the export wrote beside the page; without it fields are empty and reliability is not known. */
async function readFacts() {
  try {
    return { ...NO_FACTS, ...(await (await fetch("bundle.json")).json()) };
  } catch {
    return NO_FACTS;
  }
}

const facts = await readFacts();
const result = new Result(facts);
const list = new List(choose);
const asking = new Asking(facts, again);
const work = new Work({
  connect: (signal) => asking.connect(signal),
  changed: draw,
  said: say,
});

byId("unserved").remove(); // it says that the page's modules did not load
byId("files").addEventListener("change", () => {
  add(byId("files").files);
  byId("files").value = ""; // so that the same file may be picked again
});
byId("choose").addEventListener("click", () => byId("files").click());
byId("cancel").addEventListener("click", () => work.cancel());
byId("retry").addEventListener("click", () => again());
for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, onDrag);

function onDrag(event) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault(); // a file dropped beside the field must not replace the page
  byId("drop").classList.toggle("over", event.type === "dragover");
  if (event.type === "drop") add(event.dataTransfer.files);
}

function add(files) {
  const added = work.add(files);
  if (!added.length) return;
  work.shown = added[0];
  start();
}

function again() {
  work.retry();
  start(true);
}

function choose(item) {
  work.shown = item;
  start();
  byId("name").focus();
}

/** Goes through what is to be done; the form asks the model even if nothing is. */
async function start(isAsked = false) {
  draw(null);
  if (work.isRunning || !(isAsked || work.next())) return;
  complain("");
  byId("progress").hidden = false;
  try {
    await work.run();
    say(summary(), null);
  } catch (error) {
    complain(sentence(error));
    say("", null);
  }
  byId("progress").hidden = true;
}

function complain(text) {
  byId("alert").hidden = !text;
  const parts = text.split(/(--\S+[^.\s])/); // a flag is not broken at its hyphens
  byId("alert-text").replaceChildren(...parts.map((part, i) => (i % 2 ? element("code", {}, part) : part)));
  if (text) asking.failed();
}

/** Steps are read out, the share of each is only seen. */
function say(text, share) {
  if (byId("status").textContent !== text) byId("status").textContent = text;
  byId("step").textContent = text && `${text}…`;
  const bar = byId("bar");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

function summary() {
  const count = (state) => work.items.filter((item) => item.state === state).length;
  if (!work.items.length) return "";
  const others = [["failed", count("failed")], ["cancelled", count("cancelled")]].filter(([, number]) => number);
  return [`${plural(count("done"), "file")} scored`, ...others.map(([state, number]) => `${number} ${state}`)].join(", ");
}

function draw(item) {
  const tags = work.model?.tags ?? [];
  list.show(work.items, work.shown, tags);
  document.body.classList.toggle("busy", work.isRunning);
  byId("page").classList.toggle("used", work.items.length > 0);
  if (work.shown && (!item || item === work.shown)) result.show(work.shown, work.model);
}
