// The colours of scores: equal steps of lightness in OKLab, one way only, so that order is seen without seeing hue.

const STEPS = 64;
// [lightness, chroma, hue in degrees] at 0, in the middle and at the top
const LIGHT = [[0.965, 0.012, 240], [0.66, 0.105, 215], [0.32, 0.11, 275]];
const DARK = [[0.255, 0.03, 265], [0.6, 0.115, 225], [0.95, 0.105, 115]];

/** CSS colours from the lowest score to the highest. */
export function scale(isDark) {
  const stops = isDark ? DARK : LIGHT;
  return Array.from({ length: STEPS }, (_, i) => css(between(stops, i / (STEPS - 1))));
}

/** The colour of a score on a scale that ends at `top`. */
export const colorOf = (colors, score, top) =>
  colors[Math.max(0, Math.min(colors.length - 1, Math.round((score / top) * (colors.length - 1))))];

/** Lightness runs in a straight line over the whole scale; chroma and hue by way of the middle. */
function between(stops, place) {
  const [low, middle, high] = stops;
  const [from, to, share] = place < 0.5 ? [low, middle, 2 * place] : [middle, high, 2 * place - 1];
  return [low[0] + (high[0] - low[0]) * place, from[1] + (to[1] - from[1]) * share, from[2] + (to[2] - from[2]) * share];
}

const css = ([lightness, chroma, hue]) => `oklch(${lightness.toFixed(4)} ${chroma.toFixed(4)} ${hue.toFixed(1)})`;
