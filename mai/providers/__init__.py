"""Where inference comes from. Backends load only when they are used; see `select.BACKENDS`."""
