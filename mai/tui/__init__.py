"""Parts of the console that neither show nor answer a proposal: see `mai.console`."""
