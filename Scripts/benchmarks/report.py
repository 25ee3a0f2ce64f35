"""Figures as text."""


def percentiles(values):
    """p50, p99 and the greatest, by nearest rank; nothing where there are no values."""
    if not values:
        return {"count": 0}
    ranked = sorted(values)

    def at(share):
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
    return {"count": len(ranked), "p50": at(0.5), "p99": at(0.99), "max": ranked[-1]}


def spread(figures, unit, digits=0):
    """`p50 1 / p99 2 / max 3 ms`"""
    if not figures["count"]:
        return "none"
    parts = [f"{name} {figures[name]:,.{digits}f}" for name in ["p50", "p99", "max"]]
    return f"{' / '.join(parts)} {unit}"


def print_section(title, rows):
    """Names and what was found, one a line."""
    print(f"\n{title}")
    for name, text in rows:
        print(f"  {name:52}{text}")


def print_usage(usage, commands_most=9):
    """Where the CPU went: figures of `Spent`."""
    rows = [("Redis", f"{usage['redis_percent']:.1f} % of a core"),
            ("worker", f"{usage['worker_percent']:.1f} % of a core")]
    for command in usage["commands"][:commands_most]:
        rows.append((f"  {command['name']}", f"{command['percent']:5.1f} %  {command['calls_per_second']:>9,.0f}/s  "
                     f"{command['us_per_call']:.1f} us each"))
    print_section(f"CPU over {usage['seconds']:.0f} s (what a script calls counts for it and under its own name)", rows)
