"""What TensorBoard shows of a run: is it learning, on which tags, what does it hear, how does it compare."""
