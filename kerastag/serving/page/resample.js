// Resampling by a windowed sinc, in as many phases as the ratio of the rates has: what reaches the model must not
// depend on whose browser it is. Output sample k lies at the time of input frame k * rate / targetRate.

// The edge is where that of soxr's HQ setting is, by which Python resamples: half is left at 7,650 of 8,000 Hz.
const ZERO_CROSSINGS = 64; // of the sinc on each side, at the lower of the two rates
const KAISER_BETA = 8; // the stop band is 80 dB down
const PASSED = 0.956; // of the lower Nyquist frequency: the middle of the transition band

/** float32 mono at `rate` Hz to float32 at `targetRate` Hz, of ceil(length * targetRate / rate) samples. */
export function resample(mono, rate, targetRate) {
  if (rate === targetRate || !mono.length) return mono;
  const common = divisor(rate, targetRate);
  const up = targetRate / common, down = rate / common;
  const filters = phases(up, down);
  const half = filters[0].length / 2;
  const out = new Float32Array(Math.ceil((mono.length * targetRate) / rate));
  const padded = new Float32Array(mono.length + 2 * half + 1); // silence before and after
  padded.set(mono, half);
  let first = 0, phase = 0; // of the input frame at or before the output sample, and how far after it, in 1/up
  for (let k = 0; k < out.length; k++) {
    const taps = filters[phase];
    let sum = 0;
    for (let i = 0, at = first + 1; i < taps.length; i++, at++) sum += taps[i] * padded[at];
    out[k] = sum;
    phase += down;
    first += Math.floor(phase / up);
    phase %= up;
  }
  return out;
}

/** The taps of every phase; tap i of phase p weighs the input frame i - half + 1 after the one before the sample. */
function phases(up, down) {
  const cutoff = PASSED * Math.min(1, up / down); // of the input's Nyquist frequency
  const half = Math.ceil(ZERO_CROSSINGS * Math.max(1, down / up));
  const scale = 1 / bessel(KAISER_BETA);
  const made = [];
  for (let phase = 0; phase < up; phase++) {
    const taps = new Float32Array(2 * half);
    let sum = 0;
    for (let i = 0; i < taps.length; i++) {
      const distance = i - half + 1 - phase / up;
      const place = distance / half;
      const window = Math.abs(place) < 1 ? bessel(KAISER_BETA * Math.sqrt(1 - place * place)) * scale : 0;
      taps[i] = cutoff * sinc(cutoff * distance) * window;
      sum += taps[i];
    }
    made.push(taps.map((tap) => tap / sum)); // no phase may be louder than another
  }
  return made;
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The modified Bessel function of the first kind and order zero, by its series. */
function bessel(x) {
  let sum = 1, term = 1;
  for (let n = 1; term > 1e-12 * sum; n++) sum += term *= (x / (2 * n)) ** 2;
  return sum;
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);
