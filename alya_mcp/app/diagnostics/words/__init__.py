"""The texts of the checks: a function for each kind of check, with its fields as parameters.

A field `reason` is a text of the part that was asked, which says what is wrong. Sizes are bytes. Paths are
shown with the user's home folder as ~.
"""
