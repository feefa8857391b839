"""Data: public sets to rows (`prepare`), tasks made to order (`synth`), checks (`validate`)."""
