"""A program that is forked elsewhere; this process has its command line, environment, streams and end.

Arguments: the address of the process that forks, and what the program is. Signals are passed on.
"""

import marshal
import os
import signal
import socket
import sys


def main(address: str, words: list[str]) -> int:
    """Have the program run; its exit code, negative for a signal."""
    with socket.socket(socket.AF_UNIX) as forking:
        forking.connect(address)
        asked = marshal.dumps((os.getcwd(), words, dict(os.environ)))  # noqa: PTH109 - pathlib takes a while to import
        socket.send_fds(forking, [len(asked).to_bytes(4)], [0, 1, 2])
        forking.sendall(asked)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        pid = int.from_bytes(forking.recv(4))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        return int(forking.recv(16))


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
