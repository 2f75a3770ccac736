"""Members of a tagger: from networks in Keras, or from the signatures of an export."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastag.inference import export_facts, passes
from kerastag.tensors import Tensor

if TYPE_CHECKING:
    import keras


def of_networks(networks: Iterable["keras.Model"]) -> list[passes.Member]:
    """Networks that give logits."""
    return list(map(_of_network, networks))


def of_export(loaded: Any, facts: export_facts.ExportFacts) -> list[passes.Member]:
    """The networks of a loaded SavedModel."""
    starts = np.cumsum([0, *(network.embedding_width for network in facts.members)])[:-1]
    return [
        _of_signature(loaded, facts.sample_rate, network, int(start))
        for network, start in zip(facts.members, starts, strict=True)
    ]


def _of_network(network: "keras.Model") -> passes.Member:
    from kerastag.inference import scoring
    from kerastag.models import embedding
    from kerastag.models.foreign import network as foreign_network

    def make_embed() -> passes.OfChunks:
        embedded: Any = embedding.model_of(network)
        return lambda waveform: embedded(waveform, training=False)

    def make_both() -> passes.OfChunks:
        import tensorflow as tf

        both: Any = embedding.with_logits(network)

        def forward(waveform: Tensor) -> Tensor:
            logits, embedded = both(waveform, training=False)
            return tf.concat([scoring.scores_of(logits), embedded], axis=1)

        return forward

    return passes.Member(
        lambda waveform: scoring.scores_of(network(waveform, training=False)),
        network.chunk_samples,
        network.sample_rate,
        network.centred,
        network.consecutive,
        embedding.width_of(network),
        make_embed,
        make_both,
        compiles=not foreign_network.layers_in(network),
    )


def _of_signature(loaded: Any, sample_rate: int, network: export_facts.NetworkFacts, start: int) -> passes.Member:
    """A network whose embedding stands from column `start` on in what the signature `embed` gives."""

    def output(signature_name: str, name: str) -> passes.OfChunks:
        signature = loaded.signatures[signature_name]
        # the closure holds `loaded`: its variables live only as long as it does
        return lambda waveform: (loaded, signature(waveform=waveform)[name])[1]

    def make_embed() -> passes.OfChunks:
        # of a waveform as long as this network's chunk; what the others make of that is left out
        embed, stop = output("embed", "embedding"), start + network.embedding_width
        return lambda waveform: embed(waveform)[:, start:stop]

    forward, width = output(network.signature, "scores"), network.embedding_width
    return passes.Member(forward, network.chunk_samples, sample_rate, network.centred, None, width, make_embed)
