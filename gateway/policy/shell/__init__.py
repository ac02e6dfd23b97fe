"""Reads command lines with a grammar of bash, and says what they run, read and write.

Central type: `facts.ShellFacts`, made by `reader.read_shell`. It runs nothing, knows no file system and resolves no
variable: what only a shell on the target could tell is a doubt, and doubts restrict.
"""
