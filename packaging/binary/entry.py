"""Where the frozen program begins."""

from alya_mcp.__main__ import main

main()
