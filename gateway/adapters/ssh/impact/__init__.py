"""What a held operation would do to files of an SSH target, looked up on a connection of the gateway's own."""
