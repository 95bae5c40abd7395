"""The real server over the real standard streams, with the odd tools as its catalogue."""

import sys

from odd_tools import ODD

from alya_mcp.cli.serve import main

main(sys.argv[1:], lambda: ODD)
