"""The real server over the real standard streams, with the odd tools as its catalogue."""

import sys

from odd_tools import ODD

from alya_mcp import tools
from alya_mcp.cli.serve import main

tools.NAMES = tuple(ODD)  # the names that a policy may speak of
main(sys.argv[1:], lambda: ODD)
