// The sample rate that a file states. A browser decodes to the rate of its audio context, by a resampler of its own
// that is duller than ours: asked for the file's own rate it does not resample at all.

const MPEG_RATES = [44100, 48000, 32000];
const MPEG_DIVISORS = { 3: 1, 2: 2, 0: 4 }; // the version bits: MPEG 1, 2 and 2.5

/** The rate in Hz of a WAV, FLAC, Ogg (Vorbis, Opus, FLAC) or MPEG audio file; null: not known. */
export function statedRate(buffer) {
  const view = new DataView(buffer);
  const text = (at, length) => {
    let found = "";
    for (let i = at; i < Math.min(at + length, view.byteLength); i++) found += String.fromCharCode(view.getUint8(i));
    return found;
  };
  const rate = stated(view, text);
  return rate >= 3000 && rate <= 768000 ? rate : null; // what every browser's audio context takes
}

function stated(view, text) {
  const start = text(0, 3) === "ID3" ? endOfId3(view) : 0;
  if (text(0, 4) === "RIFF" && text(8, 4) === "WAVE") return ofWav(view, text);
  if (text(start, 4) === "fLaC") return ofFlac(view, start + 8);
  if (text(0, 4) === "OggS") return ofOgg(view, text);
  return ofMpeg(view, start);
}

function ofWav(view, text) {
  for (let at = 12; at + 16 <= view.byteLength; ) {
    if (text(at, 4) === "fmt ") return view.getUint32(at + 12, true);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return null;
}

// STREAMINFO: 10 bytes of block sizes, then 20 bits of rate
function ofFlac(view, at) {
  return at + 13 <= view.byteLength ? view.getUint32(at + 10) >>> 12 : null;
}

function ofOgg(view, text) {
  const packet = 27 + (view.byteLength > 27 ? view.getUint8(26) : 0);
  if (text(packet, 8) === "OpusHead") return 48000; // Opus is always decoded at this rate
  if (text(packet + 1, 6) === "vorbis") return view.getUint32(packet + 12, true);
  if (text(packet + 1, 4) === "FLAC") return ofFlac(view, packet + 17);
  return null;
}

function endOfId3(view) {
  if (view.byteLength < 10) return 0;
  const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (view.getUint8(at) & 127), 0);
  return 10 + size + (view.getUint8(5) & 16 ? 10 : 0);
}

// The first frame's header; a second one must follow where the first says that it ends, or chance bits would do.
function ofMpeg(view, start) {
  const last = Math.min(view.byteLength - 4, start + 65536);
  for (let at = start; at <= last; at++) {
    const first = frame(view, at);
    if (!first) continue;
    const next = at + first.bytes;
    if (next + 4 > view.byteLength || frame(view, next)?.rate === first.rate) return first.rate;
  }
  return null;
}

const BITRATES = {
  first: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  second: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};

function frame(view, at) {
  if (view.getUint8(at) !== 0xff || (view.getUint8(at + 1) & 0xe0) !== 0xe0) return null;
  const version = (view.getUint8(at + 1) >> 3) & 3;
  const layer = (view.getUint8(at + 1) >> 1) & 3;
  const bits = view.getUint8(at + 2);
  if (version === 1 || layer !== 1 || (bits >> 2 & 3) === 3 || bits >> 4 === 15 || bits >> 4 === 0) return null;
  const rate = MPEG_RATES[(bits >> 2) & 3] / MPEG_DIVISORS[version];
  const kilobits = BITRATES[version === 3 ? "first" : "second"][bits >> 4];
  const bytes = Math.floor(((version === 3 ? 144 : 72) * kilobits * 1000) / rate) + ((bits >> 1) & 1);
  return { rate, bytes };
}
