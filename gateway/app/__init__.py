"""The composition root: the only room that knows every concrete class, and puts the house together from a
configuration. Central type: `house.House`. Only the command line imports from here."""
