"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const canvas = by("map"), pen = canvas.getContext("2d"), audio = by("audio");
const size = data.names.length, numWords = data.words.length;
const scores = Uint8Array.from(atob(data.scores), (letter) => letter.charCodeAt(0));
const x = Float32Array.from({ length: size }, (_, row) => data.places[2 * row] / 4095);
const y = Float32Array.from({ length: size }, (_, row) => data.places[2 * row + 1] / 4095);
const texts = data.names.map((name, row) =>
  [name, data.folders[row], ...data.given[row].map((word) => data.words[word])].join("\n").toLowerCase());
const scoreOf = (row, word) => scores[row * numWords + word] / 255;
const OTHER = "#8f979f", SCALE = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"];

const view = { zoom: 1, left: 0, top: 0 };
let matching = null, selected = -1, hovered = -1, groups = [], waiting = false;

const stage = { width: 1, height: 1, side: 1 };
function measure() {
  stage.width = canvas.clientWidth;
  stage.height = canvas.clientHeight;
  stage.side = Math.min(stage.width, stage.height);
}
function across(row) { return (stage.width - stage.side) / 2 + x[row] * stage.side * view.zoom + view.left; }
function down(row) { return (stage.height - stage.side) / 2 + y[row] * stage.side * view.zoom + view.top; }
function radius() { return Math.max(2, Math.min(7, (size > 3000 ? 2.2 : 4.2) * Math.sqrt(view.zoom))); }

function byBestTag() {
  const counts = new Map();
  for (const given of data.given) if (given.length) counts.set(given[0], (counts.get(given[0]) || 0) + 1);
  const ranked = [...counts].sort((one, other) => other[1] - one[1] || one[0] - other[0]);
  const shown = ranked.slice(0, data.palette.length).map(([word]) => word);
  const made = shown.map((word, place) => ({ label: data.words[word], colour: data.palette[place], rows: [] }));
  const rest = { label: "other tags", colour: OTHER, rows: [] }, none = { label: "nothing sure", colour: null, rows: [] };
  data.given.forEach((given, row) => {
    const place = given.length ? shown.indexOf(given[0]) : -2;
    (place === -2 ? none : place === -1 ? rest : made[place]).rows.push(row);
  });
  return [none, rest, ...made.reverse()].filter((group) => group.rows.length);
}

function byScore(word) {
  const sorted = Array.from({ length: size }, (_, row) => scoreOf(row, word)).sort((one, other) => one - other);
  const low = sorted[Math.floor(0.01 * (size - 1))], high = sorted[Math.ceil(0.99 * (size - 1))];
  const made = SCALE.map((colour) => ({ label: "", colour, rows: [] }));
  for (let row = 0; row < size; row++) {
    const share = high > low ? (scoreOf(row, word) - low) / (high - low) : 0;
    made[Math.max(0, Math.min(SCALE.length - 1, Math.floor(share * SCALE.length)))].rows.push(row);
  }
  made.low = low;
  made.high = high;
  return made;
}

function legend() {
  const list = by("legend"), add = (...parts) => { const item = document.createElement("li"); item.append(...parts); list.append(item); };
  const text = (content) => { const part = document.createElement("span"); part.textContent = content; return part; };
  list.replaceChildren();
  if (groups.low !== undefined) {
    const scale = document.createElement("canvas");
    scale.className = "scale";
    scale.width = SCALE.length;
    scale.height = 1;
    SCALE.forEach((colour, place) => { const ink = scale.getContext("2d"); ink.fillStyle = colour; ink.fillRect(place, 0, 1, 1); });
    add(text(groups.low.toFixed(2)), scale, text(groups.high.toFixed(2)));
    return;
  }
  for (const group of [...groups].reverse()) {
    const dot = document.createElement("i");
    dot.style.setProperty("background", group.colour || faint());
    add(dot, text(group.label), text(String(group.rows.length)));
  }
}

function faint() { return property("--faint"); }

function recolour() {
  const chosen = by("colour").value;
  groups = chosen === "" ? byBestTag() : byScore(Number(chosen));
  legend();
  redraw();
}

function redraw() {
  measure();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

// Dots are blended into the pixels by hand: 20,000 calls of a canvas take ten times as long.
const masks = new Map();
function maskOf(r) {
  const key = r.toFixed(2);
  if (!masks.has(key)) {
    const half = Math.ceil(r + 0.5), width = 2 * half + 1, cover = new Float32Array(width * width);
    for (let place = 0; place < cover.length; place++) {
      const distance = Math.hypot(place % width - half, Math.floor(place / width) - half);
      cover[place] = Math.max(0, Math.min(1, r + 0.5 - distance));
    }
    masks.set(key, { half, width, cover });
  }
  return masks.get(key);
}

function rgb(colour) { return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)); }
function property(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function dots(pixels, rows, colour, share, ratio) {
  const { half, width, cover } = maskOf(radius() * ratio), [red, green, blue] = rgb(colour);
  const out = pixels.data, columns = pixels.width, lines = pixels.height;
  for (const row of rows) {
    const a = Math.round(across(row) * ratio) - half, b = Math.round(down(row) * ratio) - half;
    if (a + width < 0 || b + width < 0 || a > columns || b > lines) continue;
    for (let line = Math.max(0, -b); line < width && b + line < lines; line++) {
      for (let column = Math.max(0, -a); column < width && a + column < columns; column++) {
        const part = cover[line * width + column] * share, at = 4 * ((b + line) * columns + a + column);
        if (part === 0) continue;
        out[at] += (red - out[at]) * part;
        out[at + 1] += (green - out[at + 1]) * part;
        out[at + 2] += (blue - out[at + 2]) * part;
      }
    }
  }
}

let pixels = null;
function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(stage.width * ratio)), height = Math.max(1, Math.round(stage.height * ratio));
  if (pixels === null || pixels.width !== width || pixels.height !== height) {
    canvas.width = width;
    canvas.height = height;
    pixels = pen.createImageData(width, height);
  }
  const [red, green, blue] = rgb(property("--ground"));
  new Uint32Array(pixels.data.buffer).fill((255 << 24 | blue << 16 | green << 8 | red) >>> 0);
  for (const group of groups) dots(pixels, group.rows, group.colour || faint(), matching ? 0.15 : 0.85, ratio);
  if (matching) {
    for (const group of groups) dots(pixels, group.rows.filter((row) => matching[row]), group.colour || faint(), 1, ratio);
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.putImageData(pixels, 0, 0);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const [row, extra] of [[hovered, 2], [selected, 4]]) {
    if (row < 0) continue;
    pen.lineWidth = 2;
    pen.strokeStyle = property("--ink");
    pen.beginPath();
    pen.arc(across(row), down(row), radius() + extra, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function nearest(a, b, limit, allowed = () => true) {
  let best = -1, least = limit * limit;
  for (let row = 0; row < size; row++) {
    const da = across(row) - a, db = down(row) - b, distance = da * da + db * db;
    if (distance <= least && allowed(row, da, db)) { best = row; least = distance; }
  }
  return best;
}

function zoomAt(a, b, factor) {
  const zoom = Math.max(1, Math.min(200, view.zoom * factor)), real = zoom / view.zoom;
  const left = (stage.width - stage.side) / 2, top = (stage.height - stage.side) / 2;
  view.left = a - left - (a - left - view.left) * real;
  view.top = b - top - (b - top - view.top) * real;
  view.zoom = zoom;
  if (zoom === 1) view.left = view.top = 0;
  redraw();
}

function centre(row) {
  const a = across(row), b = down(row);
  if (a < 20 || b < 20 || a > stage.width - 20 || b > stage.height - 20) {
    view.left += stage.width / 2 - a;
    view.top += stage.height / 2 - b;
  }
}

function choose(row, play) {
  selected = row;
  by("track").hidden = row < 0;
  by("hint").hidden = row >= 0;
  by("failed").hidden = true;
  if (row < 0) { audio.pause(); redraw(); return; }
  by("name").textContent = data.names[row];
  by("folder").textContent = data.folders[row];
  const order = Array.from({ length: numWords }, (_, word) => word).sort((one, other) =>
    data.given[row].includes(other) - data.given[row].includes(one) || scoreOf(row, other) - scoreOf(row, one));
  by("tags").replaceChildren(...order.slice(0, 6).map((word) => {
    const item = document.createElement("li"), name = document.createElement("span"), value = document.createElement("span");
    const meter = document.createElement("meter");
    item.className = data.given[row].includes(word) ? "given" : "";
    name.textContent = name.title = data.words[word];
    meter.value = scoreOf(row, word);
    value.textContent = scoreOf(row, word).toFixed(2);
    item.append(name, meter, value);
    return item;
  }));
  by("near").replaceChildren(...data.neighbours[row].map((other) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.textContent = data.names[other];
    button.tabIndex = 0;
    button.addEventListener("click", () => { centre(other); choose(other, true); });
    item.append(button);
    return item;
  }));
  audio.src = data.links[row];
  if (play) audio.play().catch(() => {});
  redraw();
}

function find() {
  const words = by("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  matching = null;
  let count = size;
  if (words.length) {
    matching = texts.map((text) => words.every((word) => text.includes(word)));
    count = matching.reduce((sum, match) => sum + match, 0);
  }
  by("count").textContent = words.length ? `${count} of ${size} tracks` : `${size} tracks`;
  redraw();
}

/** Goes to the next track that was found, behind the last one to the first. */
function goOn() {
  for (let step = 1; step <= size; step++) {
    const row = (selected + step) % size;
    if (matching === null || matching[row]) { centre(row); choose(row, true); return; }
  }
}

function tip(row, a, b) {
  const note = by("tip");
  note.hidden = row < 0;
  if (row < 0) return;
  note.textContent = [data.names[row], data.given[row].map((word) => data.words[word]).join(", ")].filter(Boolean).join(": ");
  note.style.setProperty("left", `${Math.min(a + 14, stage.width - 290)}px`);
  note.style.setProperty("top", `${Math.min(b + 14, stage.height - 60)}px`);
}

const fingers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId), box = canvas.getBoundingClientRect();
  if (!before) {
    hovered = nearest(event.clientX - box.left, event.clientY - box.top, radius() + 8);
    tip(hovered, event.clientX - box.left, event.clientY - box.top);
    redraw();
    return;
  }
  if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, finger]) => finger);
    const span = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    zoomAt((event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top, span(event) / span(before));
    moved = 99;
  } else {
    view.left += event.clientX - before.clientX;
    view.top += event.clientY - before.clientY;
    moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
    redraw();
  }
  fingers.set(event.pointerId, event);
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => {
  fingers.delete(event.pointerId);
  if (kind === "pointercancel" || moved > 6) return;
  const box = canvas.getBoundingClientRect();
  const row = nearest(event.clientX - box.left, event.clientY - box.top, radius() + (event.pointerType === "touch" ? 16 : 8));
  if (row >= 0) choose(row, true);
});
canvas.addEventListener("pointerleave", () => { hovered = -1; tip(-1); redraw(); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY / 400));
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const a = stage.width / 2, b = stage.height / 2;
  if (event.key in ways) {
    const [right, below] = ways[event.key];
    const from = selected < 0 ? nearest(a, b, Infinity) : selected;
    const next = selected < 0 ? from : nearest(across(from), down(from), Infinity, (row, da, db) => {
      const along = da * right + db * below, beside = Math.abs(da * below + db * right);
      return row !== from && along > 0 && beside <= along;
    });
    if (next >= 0) { centre(next); choose(next, false); }
  } else if (event.key === "Enter" || event.key === " ") {
    if (selected >= 0) audio.paused ? audio.play().catch(() => {}) : audio.pause();
  } else if (event.key === "Escape") choose(-1);
  else if (event.key === "+" || event.key === "=") zoomAt(a, b, 1.5);
  else if (event.key === "-") zoomAt(a, b, 1 / 1.5);
  else return;
  event.preventDefault();
});
audio.addEventListener("error", () => {
  by("failed").hidden = false;
  by("failed").textContent = "This browser cannot play the file, or it is not there any more.";
});
by("find").addEventListener("input", find);
by("find").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); goOn(); }
});
by("colour").addEventListener("change", recolour);
by("in").addEventListener("click", () => zoomAt(stage.width / 2, stage.height / 2, 1.5));
by("out").addEventListener("click", () => zoomAt(stage.width / 2, stage.height / 2, 1 / 1.5));
by("all").addEventListener("click", () => { view.zoom = 1; view.left = view.top = 0; redraw(); });
new ResizeObserver(redraw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
data.words.forEach((word, column) => {
  const option = document.createElement("option");
  option.value = String(column);
  option.textContent = `score of ${word}`;
  by("colour").append(option);
});
recolour();
