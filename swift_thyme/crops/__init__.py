"""Where in an input picture a returned picture was cut from."""
