"""Sessions with databases: what a statement is understood to be, and what becomes of its result.

Central types: `parser.Parsers`, which reads SQL in processes of its own, and `results.Results`, through which every
row passes. Adapters come here instead of asking policy or masking.
"""
