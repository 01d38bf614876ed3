"""How images and the program itself reach an account: registry, state and the roles of CI."""
