"""Commands that neither show nor answer a proposal: see `mai.commands`."""
