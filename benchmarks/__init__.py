"""`make bench`: each prints one JSON line per figure, with the ratio to a reference run beside it."""
