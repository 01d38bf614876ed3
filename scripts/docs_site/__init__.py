"""The documentation site: the repository's own pages, reference pages made from code, built by Zensical."""
