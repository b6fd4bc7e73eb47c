"""Two pictures that show the same thing -> what each holds in its pixels that the other lacks."""
