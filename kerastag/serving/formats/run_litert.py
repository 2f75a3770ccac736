"""python run_litert.py SOUND_FILE: the score of every tag; needs ai-edge-litert, numpy, soundfile and soxr."""

import json, pathlib, sys, zipfile  # noqa: E401, I001  as few lines as can be
import numpy as np, soundfile, soxr  # noqa: E401
from ai_edge_litert.interpreter import Interpreter

path = pathlib.Path(__file__).with_name("model.tflite")
facts = json.loads(zipfile.ZipFile(path).read("model.json"))
sound, rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
waveform = soxr.resample(sound.mean(axis=1), rate, facts["sample_rate"])
waveform = np.pad(waveform, (0, max(0, facts["chunk_samples"] - len(waveform))))
waveform = np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.float32) / 32768  # 16 bits, as it was trained
spare, count = len(waveform) - facts["chunk_samples"], facts["num_chunks"]
starts = [(spare + 1) // 2] if facts["centred"] else np.arange(count) * (spare // count)
chunks = np.stack([waveform[start : start + facts["chunk_samples"]] for start in starts])
scores = Interpreter(str(path)).get_signature_runner("serving_default")(waveform=chunks)["scores"].mean(axis=0)
print("\n".join(f"{score:.6f} {tag}" for score, tag in sorted(zip(scores, facts["tags"]), reverse=True)))  # noqa: B905
