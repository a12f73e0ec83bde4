"""Where people at a distance meet Mai. Protected core: what can carry a yes cannot be proposed."""
