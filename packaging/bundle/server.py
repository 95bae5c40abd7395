"""The bundle's server: alya-mcp, from the wheel beside this file."""

from alya_mcp.__main__ import main

if __name__ == "__main__":
    main()
