"""Policy as code: controls, exceptions and evidence; judges resources, not the code that made them."""
