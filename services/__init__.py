"""The code that runs in the containers, and the catalogue of what each service needs."""
