"""The sign-in pages: plain HTML made here, no scripts, nothing from elsewhere. Central type: `visits.Visit`, one
person's way through them in one browser. What may be shown passes `html.text`, the only place that escapes.
"""
