"""One module for each revision. They say what was true then, so they import nothing of ours."""
