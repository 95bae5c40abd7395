"""Every kind of check in words, for people: a function per kind, whose parameters are the kind's fields.

A field `reason` is a text of the part that was asked, which says what is wrong. Sizes are bytes. Paths are
shown with the user's home folder as ~.
"""
