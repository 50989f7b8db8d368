"""Links to files outside the dataset, and the credentials to read them (see `base`)."""
