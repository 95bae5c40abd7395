"""Notifications: sends waiting questions to the user's devices, and takes the answers (`ALYA_NOTIFY`).

One process per state, the notifier, sends each question that is kept by every way that the settings name, and
waits for answers as long as questions wait. Each answer is a token that is good for one question, by one way,
once (`tokens`). `launcher` starts the process from a server; no server waits for it, and no port is opened.
"""
