"""From images and what people drew on them to a data set: tiles, label PNGs, lists and ``dataset.json``."""
