// The table of all scores, as `kerastag tag --output=tags.csv` writes it.

const FORMULA = /^[=+\-@＝＋－＠\t\r]/; // what a spreadsheet would calculate

/** `rows`: [{path, scores}]; the columns are path and one per tag. */
export function csv(tags, rows) {
  const header = ["path", ...tags.map((tag) => (FORMULA.test(tag) ? `'${tag}` : tag))];
  const named = (path) => (FORMULA.test(path) ? `./${path}` : path);
  const lines = [header, ...rows.map((row) => [named(row.path), ...row.scores.map((score) => score.toFixed(6))])];
  return lines.map((cells) => cells.map(quoted).join(",") + "\n").join("");
}

const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** Hands a text to the browser as a file to be saved. */
export function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
