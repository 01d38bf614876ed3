"""The code that runs in the containers, and the catalog of what each service needs."""
