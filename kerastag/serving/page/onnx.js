// An ONNX export run in the browser, without a server: a folder with the model, its tags and ONNX Runtime Web.

import { evenStarts, mean, numTaggramChunks } from "./chunks.js";
import { Problem } from "./failures.js";

const SAMPLE_RATE = 16000, CHUNK_SAMPLES = 73600, NUM_CHUNKS = 16; // of `kerastag export`; the file states its chunk
const CHUNKS_A_RUN = 2; // so that it shows early and can be cancelled soon

/** A model from the files of a folder. Throws a Problem of kind "all". */
export async function openFolder(files, signal) {
  const find = (test) => [...files].find((file) => test(file.name));
  const [model, tags] = [find((name) => name.endsWith(".onnx")), find((name) => name === "tags.txt")];
  const runtime = find((name) => /^ort\.wasm\.bundle(\.min)?\.mjs$/.test(name));
  const wasm = find((name) => name === "ort-wasm-simd-threaded.wasm");
  const missing = [
    [model, "an .onnx file"], [tags, "tags.txt"],
    [runtime, "ort.wasm.bundle.min.mjs"], [wasm, "ort-wasm-simd-threaded.wasm"],
  ].filter(([file]) => !file).map(([, name]) => name);
  if (missing.length) throw new Problem("all", `The folder lacks ${missing.join(" and ")}; the text beside the button says what belongs in it.`);
  const worker = new AsideWorker();
  const bytes = { runtime: await runtime.text(), wasm: await wasm.arrayBuffer(), model: await model.arrayBuffer() };
  const loaded = await worker.ask(bytes, signal);
  return new OnnxModel(model, lines(await tags.text()), worker, loaded.shape);
}

// `mood/theme---happy` is shown as `happy`, unless another category has a tag of that name
function lines(text) {
  const names = text.split(/\r?\n/).filter(Boolean);
  const short = names.map((name) => name.split("---").slice(1).join("---") || name);
  return short.map((name, i) => (short.indexOf(name) === short.lastIndexOf(name) ? name : names[i]));
}

class OnnxModel {
  constructor(file, tags, worker, shape) {
    Object.assign(this, { tags, worker, id: `${file.webkitRelativePath} ${file.size} ${file.lastModified}`, name: file.name });
    Object.assign(this, { version: null, hasTaggram: true, sampleRate: SAMPLE_RATE, numChunks: NUM_CHUNKS });
    this.chunkSamples = typeof shape?.[1] === "number" ? shape[1] : CHUNK_SAMPLES;
  }

  async score(waveform, signal) {
    return mean(await this.rows(waveform, evenStarts(waveform.length, this.chunkSamples, this.numChunks), signal));
  }

  async *taggram(waveform, signal) {
    const last = Math.max(0, waveform.length - this.chunkSamples);
    const count = numTaggramChunks(waveform.length, this.chunkSamples);
    const starts = Array.from({ length: count }, (_, i) => Math.min(last, i * this.chunkSamples));
    for (let first = 0; first < count; first += CHUNKS_A_RUN) {
      const part = starts.slice(first, first + CHUNKS_A_RUN);
      yield { startSeconds: part.map((at) => at / this.sampleRate), scores: await this.rows(waveform, part, signal) };
    }
  }

  async rows(waveform, starts, signal) {
    const found = [];
    for (let first = 0; first < starts.length; first += CHUNKS_A_RUN) {
      const part = starts.slice(first, first + CHUNKS_A_RUN);
      const chunks = new Float32Array(part.length * this.chunkSamples); // what a short file lacks stays silent
      part.forEach((at, i) => chunks.set(waveform.subarray(at, at + this.chunkSamples), i * this.chunkSamples));
      const flat = await this.worker.ask({ waveform: chunks, numRows: part.length }, signal);
      part.forEach((_, i) => found.push([...flat.slice(i * this.tags.length, (i + 1) * this.tags.length)]));
    }
    return found;
  }
}

/** A worker that is asked one thing at a time. */
class AsideWorker {
  constructor() {
    this.worker = new Worker(new URL("onnx_worker.js", import.meta.url), { type: "module" });
    this.count = 0;
  }

  ask(message, signal) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      const cancel = () => reject(signal.reason); // what it computes meanwhile is dropped
      signal.addEventListener("abort", cancel, { once: true });
      const settle = ({ data }) => {
        if (data.id !== id) return;
        this.worker.removeEventListener("message", settle);
        signal.removeEventListener("abort", cancel);
        if (data.problem) reject(new Problem("all", `The ONNX model does not run here: ${data.problem.slice(0, 200)}`));
        else resolve(data.answer);
      };
      this.worker.addEventListener("message", settle);
      this.worker.postMessage({ ...message, id });
    });
  }
}
