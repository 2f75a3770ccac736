// Playing the file: a button, and the plot as a slider of the position, by mouse, touch and keys.

import { clock, spokenClock } from "./dom.js";

const STEP_SECONDS = 5, LEAP_SECONDS = 30;

/**
 * `audio`, `button`, `slider`, `head` (the line that moves), `time` (text) are elements; `describe(seconds)` says what
 * is heard there, `moved(seconds)` is called when the position changes.
 */
export class Player {
  constructor(parts) {
    Object.assign(this, parts);
    this.seconds = 0;
    this.url = "";
    this.asked = null; // a jump that waits until the audio is ready
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("keydown", (event) => this.onKey(event));
    this.slider.addEventListener("pointerdown", (event) => this.onPointer(event));
    this.slider.addEventListener("pointermove", (event) => event.buttons & 1 && this.onPointer(event));
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.onState());
    for (const name of ["seeked", "timeupdate"]) this.audio.addEventListener(name, () => this.follow());
    this.audio.addEventListener("loadedmetadata", () => this.asked !== null && (this.audio.currentTime = this.asked));
  }

  /** Takes another file; playing stops. */
  load(file, seconds) {
    this.audio.pause();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(file);
    this.audio.src = this.url;
    this.asked = null;
    this.setLength(seconds);
  }

  /** The length is known once the file is decoded. */
  setLength(seconds) {
    this.seconds = seconds;
    this.slider.setAttribute("aria-valuemax", seconds.toFixed(1));
    this.follow();
  }

  get position() {
    return this.asked ?? this.audio.currentTime;
  }

  async toggle() {
    if (!this.audio.paused) return this.audio.pause();
    try {
      await this.audio.play();
    } catch {
      // the decoder that plays may know less than the one that decodes: then there is nothing to hear, only to see
      this.time.textContent = "this browser cannot play the file";
    }
  }

  jump(seconds) {
    const target = Math.max(0, Math.min(this.seconds, seconds));
    if (this.audio.readyState) this.audio.currentTime = target;
    this.asked = target; // shown at once; the audio follows
    this.follow();
  }

  onState() {
    const isPlaying = !this.audio.paused;
    this.button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    this.button.classList.toggle("playing", isPlaying);
    if (isPlaying) this.animate();
    this.follow();
  }

  animate() {
    if (this.audio.paused) return;
    this.follow();
    requestAnimationFrame(() => this.animate());
  }

  follow() {
    if (!this.audio.seeking && this.audio.readyState) this.asked = null;
    const at = Math.min(this.position, this.seconds || Infinity);
    const share = this.seconds ? at / this.seconds : 0;
    this.head.style.left = `${(100 * share).toFixed(3)}%`;
    this.time.textContent = `${clock(at)} of ${clock(this.seconds)}`;
    this.slider.setAttribute("aria-valuenow", at.toFixed(1));
    this.slider.setAttribute("aria-valuetext", `${spokenClock(at)} of ${spokenClock(this.seconds)}${this.describe(at)}`);
    this.moved(at);
  }

  onPointer(event) {
    if (event.button > 0) return;
    this.slider.setPointerCapture?.(event.pointerId);
    this.jump(this.secondsAt(event));
  }

  /** The time under a pointer. */
  secondsAt(event) {
    const box = this.slider.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.seconds;
  }

  onKey(event) {
    const steps = {
      ...{ ArrowRight: STEP_SECONDS, ArrowUp: STEP_SECONDS, ArrowLeft: -STEP_SECONDS, ArrowDown: -STEP_SECONDS },
      ...{ PageUp: LEAP_SECONDS, PageDown: -LEAP_SECONDS, Home: -Infinity, End: Infinity },
    };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " " || event.key === "Enter") this.toggle();
    else if (event.key in steps) this.jump(this.position + steps[event.key]);
    else return;
    event.preventDefault();
  }
}
