"""Protocol servers on loopback, for real client libraries to talk to."""
