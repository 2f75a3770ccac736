"""Plots of figures, for papers, reports and TensorBoard."""
