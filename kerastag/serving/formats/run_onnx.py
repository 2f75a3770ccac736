"""python run_onnx.py SOUND_FILE: the score of every tag; needs onnxruntime, numpy, soundfile and soxr."""

import json, pathlib, sys  # noqa: E401, I001  as few lines as can be
import numpy as np, onnxruntime, soundfile, soxr  # noqa: E401

session = onnxruntime.InferenceSession(pathlib.Path(__file__).with_name("model.onnx"))
facts = json.loads(session.get_modelmeta().custom_metadata_map["model.json"])
sound, rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
waveform = soxr.resample(sound.mean(axis=1), rate, facts["sample_rate"])
waveform = np.pad(waveform, (0, max(0, facts["chunk_samples"] - len(waveform))))
waveform = np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.float32) / 32768  # 16 bits, as it was trained
spare, count = len(waveform) - facts["chunk_samples"], facts["num_chunks"]
starts = [(spare + 1) // 2] if facts["centred"] else np.arange(count) * (spare // count)
chunks = np.stack([waveform[start : start + facts["chunk_samples"]] for start in starts])
scores = session.run(["scores"], {"waveform": chunks})[0].mean(axis=0)
print("\n".join(f"{score:.6f} {tag}" for score, tag in sorted(zip(scores, facts["tags"]), reverse=True)))  # noqa: B905
