"""The table of settings in sections: each setting stands here once, as a field of its section.

A field's name gives its environment variable (`image_idle`: ALYA_IMAGE_IDLE), and the field gives type and
default; `Setting` says the rest. What reads, checks, lists, documents and passes on settings is derived from
it: `reading`, `variables`, and by scripts/settings_pages.py docs/configuration.md and the files in packaging/
that list variables.
"""
