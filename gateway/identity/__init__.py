"""Knows people by what they present. Central type: `tokens.TokenIdentities`.

Only the composition root and the command line may enter. It decides who somebody is, never what they may do.
"""
