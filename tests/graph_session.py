"""A SavedModel in TensorFlow's C++ session, as a server calls it: inputs of any shape reach the graph."""

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2


class Session:
    """Calls the signatures of a folder's SavedModel by their names."""

    def __init__(self, folder):
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
        self.signatures = loaded.signature_def
        self._calls = {}

    def __call__(self, name, **inputs):
        signature, outputs = self.signatures[name], sorted(self.signatures[name].outputs)
        if name not in self._calls:
            feeds = [signature.inputs[one].name for one in sorted(inputs)]
            options = config_pb2.CallableOptions(feed=feeds, fetch=[signature.outputs[one].name for one in outputs])
            self._calls[name] = self._session._make_callable_from_options(options)
        values = [np.asarray(inputs[one], _dtype(signature.inputs[one])) for one in sorted(inputs)]
        return dict(zip(outputs, self._calls[name](*values), strict=True))


def _dtype(info):
    return tf.as_dtype(info.dtype).as_numpy_dtype
