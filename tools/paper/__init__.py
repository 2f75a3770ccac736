"""The experiments of the paper and of MediaEval: training, tables, submissions, published checkpoints."""
