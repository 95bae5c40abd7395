"""The real server over the real standard streams, with the odd tools as its catalogue."""

import sys
from functools import partial

from odd_tools import ODD

from alya_mcp import tools
from alya_mcp.cli.serve import main
from alya_mcp.server import session

tools.NAMES = tuple(ODD)
session.serve = partial(session.serve, load=lambda: ODD)
main(sys.argv[1:])
