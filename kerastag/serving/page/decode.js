// An audio file to a waveform: decoded by the browser, mixed down and resampled here, as `kerastag tag` does it.

import { Problem } from "./failures.js";
import { statedRate } from "./header.js";

export const MAX_SECONDS = 3600; // the browser decodes a file as a whole: an hour of stereo takes over a gigabyte
const UNKNOWN_RATE = 48000;

/** float32 mono samples at `sampleRate` Hz of a File; `signal` cancels. Throws a Problem of kind "file". */
export async function decode(file, sampleRate, signal) {
  const seconds = await statedSeconds(file);
  signal.throwIfAborted();
  if (seconds > MAX_SECONDS) throw tooLong(file, seconds);
  const mono = mixDown(await decoded(file));
  signal.throwIfAborted();
  if (!mono.samples.length) throw new Problem("file", `${file.name} holds no samples.`);
  if (mono.samples.length > MAX_SECONDS * mono.rate) throw tooLong(file, mono.samples.length / mono.rate);
  return mono.rate === sampleRate ? mono.samples : resampledAside(mono, sampleRate, signal);
}

function tooLong(file, seconds) {
  return new Problem("file", `${file.name} is ${Math.ceil(seconds / 60)} minutes long; up to an hour can be scored.`);
}

/** What the file says of its length; 0 where it says nothing, which decoding will tell. */
function statedSeconds(file) {
  return new Promise((resolve) => {
    const audio = new Audio();
    const url = URL.createObjectURL(file);
    const settle = (seconds) => {
      audio.onloadedmetadata = audio.onerror = null;
      audio.removeAttribute("src");
      URL.revokeObjectURL(url);
      resolve(Number.isFinite(seconds) ? seconds : 0);
    };
    audio.preload = "metadata";
    audio.onloadedmetadata = () => settle(audio.duration);
    audio.onerror = () => settle(0);
    audio.src = url;
  });
}

async function decoded(file) {
  let buffer;
  try {
    buffer = await file.arrayBuffer();
  } catch {
    throw new Problem("file", `${file.name} cannot be read; is it a folder, or was it moved?`);
  }
  if (!buffer.byteLength) throw new Problem("file", `${file.name} is empty.`);
  const context = new OfflineAudioContext(1, 1, statedRate(buffer) ?? UNKNOWN_RATE);
  try {
    return await context.decodeAudioData(buffer);
  } catch {
    const known = "WAV, FLAC, MP3, Ogg Vorbis and Opus work in most";
    throw new Problem("file", `${file.name} cannot be decoded by this browser; ${known}.`);
  }
}

/** The mean of the channels. */
function mixDown(audio) {
  const samples = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    const one = audio.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) samples[i] += one[i];
  }
  for (let i = 0; i < samples.length; i++) samples[i] /= audio.numberOfChannels;
  return { samples, rate: audio.sampleRate };
}

function resampledAside({ samples, rate }, targetRate, signal) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("resample_worker.js", import.meta.url), { type: "module" });
    const cancel = () => settle(reject, signal.reason);
    const settle = (how, value) => {
      worker.terminate();
      signal.removeEventListener("abort", cancel);
      how(value);
    };
    signal.addEventListener("abort", cancel);
    worker.onmessage = ({ data }) => settle(resolve, data);
    worker.onerror = () => settle(reject, new Problem("file", "The browser could not start the resampler."));
    worker.postMessage({ mono: samples, rate, targetRate }, [samples.buffer]);
  });
}
