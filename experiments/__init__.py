"""How good a model is: what is run when a model is made, not when the code changes. See README.md."""
