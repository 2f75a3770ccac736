// Resamples aside, so that the page goes on answering.

import { resample } from "./resample.js";

self.onmessage = ({ data }) => {
  const waveform = resample(data.mono, data.rate, data.targetRate);
  self.postMessage(waveform, [waveform.buffer]);
};
