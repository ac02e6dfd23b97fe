"""One module and one style sheet per screen. Screens fetch in workers and draw in handlers."""
