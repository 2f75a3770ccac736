// Waveforms on their way to a server: 16 bits a sample, as a WAV file in base64 or as JSON numbers.

const FULL_SCALE = 32768;

/** int16 samples; what lies outside [-1, 1) saturates. */
export function toInt16(waveform) {
  const samples = new Int16Array(waveform.length);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(waveform[i] * FULL_SCALE)));
  }
  return samples;
}

/** A WAV file of int16 samples, as base64. */
export function wavBase64(samples, sampleRate) {
  const header = new DataView(new ArrayBuffer(44));
  const bytes = samples.length * 2;
  const put = (at, text) => [...text].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  put(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  put(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // one channel
  header.setUint32(24, sampleRate, true);
  header.setUint32(28, sampleRate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  put(36, "data");
  header.setUint32(40, bytes, true);
  return base64(new Blob([header.buffer, littleEndian(samples)]));
}

/** The samples as they lie in a WAV file, on machines of the other byte order too. */
function littleEndian(samples) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return samples;
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  return view.buffer;
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

const texts = new Array(2 * FULL_SCALE);

/** int16 samples as JSON numbers in [-1, 1); five decimals tell all 65,536 apart. */
export function jsonNumbers(samples) {
  const parts = new Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i];
    parts[i] = texts[sample + FULL_SCALE] ??= String(Number((sample / FULL_SCALE).toFixed(5)));
  }
  return parts.join(",");
}
