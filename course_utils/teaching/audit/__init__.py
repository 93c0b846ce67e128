"""The audit game: models in which somebody planted a secret, and the sealed answers."""
