// The waveform, and below it the taggram: a row for each tag, time from left to right. One canvas, drawn anew.

import { scaleTop } from "./chunks.js";
import { colorOf, scale } from "./colors.js";
import { clock } from "./dom.js";

export const WAVE_HEIGHT = 88;
const GAP = 8, AXIS_HEIGHT = 30, TICK_GAP = 56;
const TICK_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];

/** Draws on a canvas that is as wide as its place; `rowHeight` is that of the bars beside it. */
export class Plot {
  constructor(canvas, rowHeight) {
    Object.assign(this, { canvas, rowHeight, item: null, columns: [], chunkSeconds: 1, hasRows: false, top: 1 });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  /** `hasRows`: whether a taggram is there or on its way. */
  show(item, columns, chunkSeconds, hasRows) {
    Object.assign(this, { item, columns, chunkSeconds, hasRows, top: scaleTop(item, columns) });
    this.draw();
  }

  get colors() {
    return scale(this.dark.matches);
  }

  draw() {
    const { canvas, item } = this;
    if (!item?.peaks || !canvas.parentElement.clientWidth) return;
    const width = canvas.parentElement.clientWidth;
    const numRows = this.hasRows ? this.columns.length : 0;
    const height = WAVE_HEIGHT + (numRows ? GAP + numRows * this.rowHeight : 0) + AXIS_HEIGHT;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    this.drawWave(context, width, style);
    if (numRows) this.drawRows(context, width, style);
    this.drawAxis(context, width, height, style);
  }

  drawWave(context, width, style) {
    const [low, high] = this.item.peaks;
    const middle = WAVE_HEIGHT / 2;
    const loudest = Math.max(0.05, ...high, ...low.map((value) => -value));
    context.fillStyle = style.getPropertyValue("--wave");
    for (let x = 0; x < width; x++) {
      const [from, end] = [Math.floor((x * low.length) / width), Math.max(1, Math.ceil(((x + 1) * low.length) / width))];
      let [bottom, top] = [0, 0];
      for (let i = from; i < end; i++) [bottom, top] = [Math.min(bottom, low[i]), Math.max(top, high[i])];
      const [up, down] = [(top / loudest) * (middle - 2), (-bottom / loudest) * (middle - 2)];
      context.fillRect(x, middle - up, 1, Math.max(1, up + down));
    }
  }

  drawRows(context, width, style) {
    const { item, columns, rowHeight, colors, top } = this;
    const first = WAVE_HEIGHT + GAP;
    columns.forEach((column, row) => {
      const y = first + row * rowHeight + 2;
      context.fillStyle = style.getPropertyValue("--empty");
      context.fillRect(0, y, width, rowHeight - 4);
      item.taggram?.scores.forEach((scores, chunk) => {
        const [from, end] = this.span(chunk, width);
        context.fillStyle = colorOf(colors, scores[column], top);
        context.fillRect(from, y, end - from, rowHeight - 4);
      });
    });
  }

  /** Pixels of a chunk: up to where the next one begins, on whole pixels so that no seams show. */
  span(chunk, width) {
    const { startSeconds } = this.item.taggram;
    const end = startSeconds[chunk + 1] ?? Math.min(this.item.seconds, startSeconds[chunk] + this.chunkSeconds);
    return [startSeconds[chunk], end].map((seconds) => Math.round((seconds / this.item.seconds) * width));
  }

  drawAxis(context, width, height, style) {
    const { seconds } = this.item;
    const step = TICK_SECONDS.find((one) => (one / seconds) * width >= TICK_GAP) ?? 3600;
    const y = height - AXIS_HEIGHT + 4;
    context.fillStyle = style.getPropertyValue("--quiet");
    context.font = `12px ${style.fontFamily}`;
    context.textBaseline = "top";
    for (let at = 0; at <= seconds; at += step) {
      const x = Math.min(width - 1, Math.round((at / seconds) * width));
      const text = clock(at);
      const half = context.measureText(text).width / 2;
      context.fillRect(x, y, 1, 5);
      context.fillText(text, Math.max(0, Math.min(width - 2 * half, x - half)), y + 9);
    }
  }

  /** The row of tags at a height; -1: above or below them. */
  rowAt(y) {
    const row = Math.floor((y - WAVE_HEIGHT - GAP) / this.rowHeight);
    return this.hasRows && row < this.columns.length ? row : -1;
  }

  /** The scores of the chunk that a time falls in; null: not known. */
  scoresAt(seconds) {
    const taggram = this.item?.taggram;
    if (!taggram?.startSeconds.length) return null;
    const chunk = taggram.startSeconds.findLastIndex((start) => start <= seconds + 1e-3);
    const isKnown = taggram.isWhole || seconds < taggram.startSeconds.at(-1) + this.chunkSeconds;
    return chunk >= 0 && isKnown ? taggram.scores[chunk] : null;
  }
}
