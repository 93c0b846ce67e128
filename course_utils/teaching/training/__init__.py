"""Training of the shipped models: recipes, data, training, evaluation, and the files that come of them."""
