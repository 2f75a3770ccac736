// TensorFlow Serving's REST API: what a model says of itself, scores of a waveform, and its taggram.

import { evenStarts, mean, stretches } from "./chunks.js";
import { jsonNumbers, toInt16, wavBase64 } from "./encode.js";
import { Problem } from "./failures.js";

const TIMEOUT_SECONDS = 120;
const CHUNKS_A_STRETCH = 4; // of a taggram: 2.5 MB of JSON, so that it shows early and can be cancelled soon
const ROWS_A_REQUEST = 16;
const CORS_FLAG = "--rest_api_enable_cors_support=true";

/**
 * Asks a server for a model. Throws a Problem of kind "all".
 *
 * `facts` is what the export wrote beside the page. Only it knows whether a file's score is simply the mean over chunks;
 * calibrated models and most ensembles combine afterwards, so they are sent whole files.
 */
export async function connect(address, name, facts, signal) {
  const server = checkedAddress(address);
  if (!name.trim()) throw new Problem("all", "Give the model's name, as the server has it.");
  const model = `${server}/v1/models/${encodeURIComponent(name.trim())}`;
  const answer = await ask(server, `${model}/metadata`, null, signal, name);
  const version = answer?.model_spec?.version;
  const signatures = answer?.metadata?.signature_def?.signature_def;
  if (!version || !signatures) throw notServing(server);
  const pinned = `${model}/versions/${version}:predict`; // the tags asked for now must be those of the scores
  const predict = (document, signal) => ask(server, pinned, document, signal, name);
  const has = (signature) => Object.hasOwn(signatures, signature);
  if (!has("metadata")) throw new Problem("all", `${name} has no signature "metadata"; export it with kerastag again.`);
  const told = (await predict('{"signature_name":"metadata","instances":[0]}', signal)).predictions?.[0];
  if (!told?.tags?.length || !told.chunk_samples) throw notServing(server);
  const isMeanOfChunks = facts.name === name.trim() && facts.version === Number(version) && facts.mean_of_chunks === true;
  return new ServedModel({ id: model, predict, told, version: Number(version), name: name.trim(), has, isMeanOfChunks });
}

/** A version of a model on a server. */
class ServedModel {
  constructor({ id, predict, told, version, name, has, isMeanOfChunks }) {
    this.id = id; // tells models apart
    this.tags = told.tags;
    this.version = version;
    this.sampleRate = told.sample_rate;
    this.chunkSamples = told.chunk_samples;
    this.hasTaggram = has("taggram");
    this.name = name;
    this.numChunks = told.num_chunks;
    this.predict = predict;
    this.takesWav = has("classify_wav");
    this.isMeanOfChunks = isMeanOfChunks;
  }

  /** The score of every tag: that of `kerastag tag`. */
  async score(waveform, signal) {
    const samples = toInt16(waveform);
    if (!this.isMeanOfChunks) return (await this.rows([samples], signal))[0];
    const starts = evenStarts(samples.length, this.chunkSamples, this.numChunks);
    const scores = [];
    for (let first = 0; first < starts.length; first += ROWS_A_REQUEST) {
      const part = starts.slice(first, first + ROWS_A_REQUEST);
      scores.push(...(await this.rows(part.map((at) => samples.subarray(at, at + this.chunkSamples)), signal)));
    }
    return mean(scores);
  }

  /** The taggram in parts, as they come: {startSeconds: (chunks,), scores: (chunks, tags)}. */
  async *taggram(waveform, signal) {
    const samples = toInt16(waveform);
    for (const [first, end] of stretches(samples.length, this.chunkSamples, CHUNKS_A_STRETCH)) {
      const document = `{"signature_name":"taggram","instances":[[${jsonNumbers(samples.subarray(first, end))}]]}`;
      const [row] = (await this.predict(document, signal)).predictions;
      yield { startSeconds: row.start_seconds.map((s) => s + first / this.sampleRate), scores: row.chunk_scores };
    }
  }

  /** Scores of waveforms of int16, each on its own. */
  async rows(waveforms, signal) {
    const rows = this.takesWav
      ? (await Promise.all(waveforms.map((one) => wavBase64(one, this.sampleRate)))).map((wav) => `{"b64":"${wav}"}`)
      : waveforms.map((one) => `[${jsonNumbers(one)}]`);
    const signature = this.takesWav ? "classify_wav" : "serving_default";
    const answer = await this.predict(`{"signature_name":"${signature}","instances":[${rows.join(",")}]}`, signal);
    return answer.predictions;
  }
}

function checkedAddress(address) {
  const text = address.trim().replace(/\/+$/, "");
  let url;
  try {
    url = new URL(text);
  } catch {
    url = null;
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new Problem("all", `“${address}” is not a server's address; it looks like http://localhost:8501.`);
  }
  return text;
}

/** A request's answer as JSON; a document is posted. */
async function ask(server, url, document, signal, name) {
  const limit = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  const posted = { method: "POST", body: document, headers: { "Content-Type": "application/json" } };
  let response, text;
  try {
    response = await fetch(url, { ...(document ? posted : {}), signal: AbortSignal.any([signal, limit]) });
    text = await response.text();
  } catch {
    signal.throwIfAborted();
    if (limit.aborted) throw new Problem("all", `${server} gave no answer within ${TIMEOUT_SECONDS / 60} minutes.`);
    throw await notReached(server, url, signal);
  }
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // what is no JSON is told by its status below
  }
  if (response.ok && answer) return answer;
  if (response.ok) throw notServing(server);
  throw refused(server, response.status, answer?.error, name);
}

/**
 * Why a request failed before there was an answer. A browser does not say; but a request whose answer nobody may read
 * succeeds where a server only lacks CORS.
 */
async function notReached(server, url, signal) {
  try {
    await fetch(url, { mode: "no-cors", signal });
  } catch {
    signal.throwIfAborted();
    const why = "Start it, or correct its address";
    return new Problem("all", `The server at ${server} cannot be reached. ${why}; if it runs, it may lack ${CORS_FLAG}.`);
  }
  const why = "Something answers there but does not let this page read it (CORS)";
  return new Problem("all", `The server at ${server} cannot be asked. ${why}: start it with ${CORS_FLAG}.`);
}

const notServing = (server) =>
  new Problem("all", `What answers at ${server} is not TensorFlow Serving with a model of kerastag's.`);

function refused(server, status, said, name) {
  const words = said ? `: ${shortened(said)}` : "";
  if (status === 404) return new Problem("all", `The server at ${server} has no model “${name}” (HTTP 404${words}).`);
  if (status === 413) return new Problem("file", "The request is too large for the server or a proxy before it (HTTP 413).");
  if (status === 400) return new Problem("file", `The server refused the audio (HTTP 400${words}).`);
  return new Problem("all", `The server at ${server} failed (HTTP ${status}${words}).`);
}

/** TensorFlow's errors may quote a whole request, and where in the graph they were. */
function shortened(said) {
  const text = String(said).split("[[{{")[0].replace(/\s+/g, " ").trim();
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
