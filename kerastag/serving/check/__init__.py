"""Whether an exported model answers as the model in Keras does, asked in processes without Keras and kerastag."""
