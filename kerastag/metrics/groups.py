"""Head, middle and tail: tags by how often they were seen in training."""

import numpy as np

from kerastag import errors

HEAD_OVER = 550  # training tracks; Knox et al., MediaEval 2020
TAIL_AT_MOST = 200


def members(
    class_counts: np.ndarray, head_over: int = HEAD_OVER, tail_at_most: int = TAIL_AT_MOST
) -> dict[str, np.ndarray]:
    """Which tags are in which group.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
      head_over: a tag with more tracks is in the head.
      tail_at_most: a tag with as many tracks or fewer is in the tail.

    Returns:
      Masks "head", "middle" and "tail", bool (num_tags,) each; every tag is in exactly one.

    Raises:
      KerastagError: the bounds overlap.
    """
    if tail_at_most > head_over:
        raise errors.KerastagError(
            f"a tail of at most {tail_at_most} tracks overlaps a head of over {head_over}"
        )
    counts = np.asarray(class_counts)
    head, tail = counts > head_over, counts <= tail_at_most
    return {"head": head, "middle": ~head & ~tail, "tail": tail}
