"""The parts that screens are made of. Each takes `Content` made by `safe_text`, never a plain string."""
