"""What the repository needs beside the package: benchmarks, datasets, the paper's experiments, serving."""
