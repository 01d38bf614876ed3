"""The ground floor: the words that rooms share, with no Pulumi and no import of another room."""
