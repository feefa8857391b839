"""The trusted process between trainer and sessions: it alone kills, counts, restores files and accepts pictures.

It never runs model code and never decodes a picture. It lives outside the trainer, so that limits hold however busy
the trainer is, and outside the zygote, so that a forked session holds none of its descriptors.
"""
