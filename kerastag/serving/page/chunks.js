// Which chunks of a waveform are scored, and what their scores become.

/** First samples of the evenly spaced chunks that a file's score is the mean over, as `kerastag tag` takes them. */
export function evenStarts(length, chunkSamples, numChunks) {
  const step = Math.floor(Math.max(0, length - chunkSamples) / numChunks);
  return Array.from({ length: step ? numChunks : 1 }, (_, i) => i * step); // without a step all would be the same
}

/**
 * Stretches [first, end) of a waveform whose taggrams, one after the other, are that of the whole.
 *
 * All but the last are whole numbers of chunks. A taggram's last chunk ends with its waveform and may share samples
 * with the one before, so what is left at the end goes with the stretch before it, never alone.
 */
export function stretches(length, chunkSamples, chunksEach) {
  const size = chunkSamples * chunksEach;
  const firsts = [];
  for (let first = 0; first === 0 || length - first >= chunkSamples; first += size) firsts.push(first);
  return firsts.map((first, i) => [first, firsts[i + 1] ?? length]);
}

/** The number of chunks in a taggram of so many samples. */
export const numTaggramChunks = (length, chunkSamples) => Math.max(1, Math.ceil(length / chunkSamples));

/** The mean of rows of scores. */
export function mean(rows) {
  return rows[0].map((_, column) => rows.reduce((sum, row) => sum + row[column], 0) / rows.length);
}

/** Columns of the highest scores, highest first; of equal ones the first stays first. */
export const ranking = (scores) => scores.map((_, column) => column).sort((a, b) => scores[b] - scores[a] || a - b);

const TOPS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1];

/** Where the scale of bars and colours ends: above the highest score in sight, since many models keep to low ones. */
export function scaleTop(item, columns) {
  const rows = [...(item.scores ? [item.scores] : []), ...(item.taggram?.scores ?? [])];
  const highest = rows.reduce((most, row) => columns.reduce((one, column) => Math.max(one, row[column]), most), 0);
  return TOPS.find((top) => top >= highest) ?? 1;
}

/** A score as text, with as many decimals as its scale calls for. */
export const figure = (score, top) => score.toFixed(top < 0.2 ? 3 : 2);
