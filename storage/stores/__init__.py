"""Object stores behind one interface (see `base`)."""
