"""Discord: cards with a 👍 and a 👎, a conversation and commands, for one person."""
