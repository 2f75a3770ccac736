// Runs an ONNX model aside. The runtime comes as the bytes of files that a person chose, never from the network: its
// module by a blob's address, its WebAssembly as it is.

let session = null;
let ort = null;

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ id: data.id, answer: data.runtime ? await load(data) : await run(data) });
  } catch (error) {
    self.postMessage({ id: data.id, problem: String(error?.message ?? error) });
  }
};

async function load({ runtime, wasm, model }) {
  const url = URL.createObjectURL(new Blob([runtime], { type: "text/javascript" }));
  try {
    ort = await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1; // more need headers that a plain web server does not send
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const known = session.inputMetadata?.find((one) => one.name === session.inputNames[0]);
  return { input: session.inputNames[0], output: session.outputNames[0], shape: known?.shape ?? null };
}

/** Scores, flat, of chunks that lie one after the other in `waveform`. */
async function run({ waveform, numRows }) {
  const tensor = new ort.Tensor("float32", waveform, [numRows, waveform.length / numRows]);
  const outputs = await session.run({ [session.inputNames[0]]: tensor });
  return outputs[session.outputNames[0]].data;
}
