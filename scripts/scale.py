"""What a cluster of GPUs draws, how long a picture waits and what it costs: the tables of docs/scale.md.

    python scripts/scale.py [--seconds 0.6] [--load 0.8] [--price 2.5] [--gpus 1 8 64 256 1000]

Callers come at random (Poisson) and every picture takes the same time: the cluster is an M/D/c queue. The
mean wait is Allen and Cunneen's approximation: that of an M/M/c queue (Erlang C) times half the sum of the
squared variation coefficients of arrivals (1) and of service (0). It is exact for one GPU.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass

VARIATION = (1.0 + 0.0) / 2
PICTURE_MB = 1024 * 1024 * 3 / 1e6
"""A picture's pixels, as they go from the replica to the server that asked."""
FILE_MB = 1.5
"""Its PNG in the store, about: see docs/performance.md."""
HOURS_PER_LOSS = 16_384 * 54 * 24 / 419
"""GPU hours for each unexpected loss, from Meta's training of Llama 3 on 16,384 H100s (arXiv 2407.21783)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A cluster of `gpus` at its load; waits in milliseconds, `dollars` for 1,000 pictures."""

    gpus: int
    most_per_s: float
    per_s: float
    waiting_share: float
    wait_mean: float
    wait_p95: float
    dollars: float
    gbit_per_s: float
    stored_tb_per_day: float
    losses_per_day: float


def erlang_c(servers: int, load: float) -> float:
    """The share of callers who have to wait in M/M/c at a load below 1 per server."""
    offered = servers * load
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered * blocked / (busy + offered * blocked)
    return blocked / (1 - load + load * blocked)


def mean_wait(servers: int, load: float, seconds: float) -> float:
    """Seconds in the queue, those who don't wait included (Allen and Cunneen)."""
    return erlang_c(servers, load) * seconds * VARIATION / (servers * (1 - load))


def wait_quantile(servers: int, load: float, seconds: float, share: float) -> float:
    """The wait that `share` of all callers don't exceed, as if those who wait did so exponentially."""
    waiting = erlang_c(servers, load)
    if waiting <= 1 - share:
        return 0.0
    return math.log(waiting / (1 - share)) * seconds * VARIATION / (servers * (1 - load))


def row(gpus: int, seconds: float, load: float, price: float) -> Row:
    per_s = gpus * load / seconds
    return Row(
        gpus=gpus,
        most_per_s=gpus / seconds,
        per_s=per_s,
        waiting_share=erlang_c(gpus, load),
        wait_mean=1000 * mean_wait(gpus, load, seconds),
        wait_p95=1000 * wait_quantile(gpus, load, seconds, 0.95),
        dollars=1000 * gpus * price / 3600 / per_s,
        gbit_per_s=per_s * PICTURE_MB * 8 / 1000,
        stored_tb_per_day=per_s * FILE_MB * 86_400 / 1e6,
        losses_per_day=gpus * 24 / HOURS_PER_LOSS,
    )


HEADER = (
    "| GPUs | images/s at most | images/s | who waits | mean wait, ms | 95 % wait at most, ms "
    "| USD per 1,000 | network, Gbit/s | stored, TB/day | lost GPUs a day |\n" + "|---:" * 10 + "|"
)


def text(row: Row) -> str:
    cells = (
        f"{row.gpus:,}",
        f"{row.most_per_s:,.1f}",
        f"{row.per_s:,.1f}",
        f"{row.waiting_share:.1%}",
        f"{row.wait_mean:,.1f}",
        f"{row.wait_p95:,.0f}",
        f"{row.dollars:.3f}",
        f"{row.gbit_per_s:,.2f}",
        f"{row.stored_tb_per_day:,.2f}",
        f"{row.losses_per_day:,.3f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compute what a cluster draws, waits and costs.")
    parser.add_argument("--seconds", type=float, default=0.6, help="that a GPU takes for an image")
    parser.add_argument("--load", type=float, default=0.8, help="share of the time that GPUs draw, below 1")
    parser.add_argument("--price", type=float, default=2.5, help="USD for a GPU hour")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64, 256, 1000])
    parser.add_argument("--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    if not 0 < given.load < 1:
        parser.error(f"--load is {given.load:g}; it takes a number between 0 and 1, without them")
    if given.seconds <= 0 or min(given.gpus) < 1:
        parser.error("--seconds and --gpus take numbers above 0")
    rows = [row(gpus, given.seconds, given.load, given.price) for gpus in given.gpus]
    if given.output == "json":
        print(json.dumps([asdict(found) for found in rows]))
        return
    print(HEADER)
    for found in rows:
        print(text(found))


if __name__ == "__main__":
    main()
