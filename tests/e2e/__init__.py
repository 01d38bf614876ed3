"""A package, so that its one platform ends with its last test and not with the whole run."""
