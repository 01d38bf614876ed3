"""What AWS and the official provider refuse, replace and default: tables read by machine, and the code that applies them."""
