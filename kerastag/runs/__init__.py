"""What training leaves on the disk: run folders, ensembles of them, and the model that is loaded from either."""
