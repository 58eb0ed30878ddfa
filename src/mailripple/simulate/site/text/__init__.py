"""How servers write down what happened: a file for each program, all of the same `Sort`s of line."""
