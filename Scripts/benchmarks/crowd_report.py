"""The figures of `Scripts/bench crowd` as text."""

from .report import print_section, print_usage, spread


def print_report(figures):
    memory, login, steady, ending = (figures[part] for part in ["memory", "login", "steady", "ending"])
    print(f"Workers: {figures['workers']}, masters: {figures['masters']}, {figures['sessions']:,} browser sessions of "
          "as many users.")
    print_section("Memory of Redis", [
        ("per mobile session, all details", f"{memory['bytes_per_mobile_session']:.0f} bytes"),
        ("per event", f"{memory['bytes_per_event']:.0f} bytes"),
        ("per Offline user", f"{memory['bytes_per_offline_user']:.0f} bytes"),
        ("per browser session of the crowd", f"{login['bytes_per_session']:.0f} bytes"),
    ])
    print_section("Logging in, heartbeats and delivery meanwhile", [
        ("logins", f"{login['per_second']:,.0f}/s"),
        ("CPU per login, all included", f"worker {login['worker_us']:.0f} us, Redis {login['redis_us']:.0f} us"),
        ("heartbeats, 1000 a request", beats(login["heartbeats"])),
    ] + ([("all events delivered after", seconds(login["delivered_seconds"]))] if ending["delivery"] else []))
    print_section("Steady", [("settlement lag", lag(steady)), *noticed(steady)])
    print_usage(steady)
    print_section("Scripts of a master in a sample of it, by the kinds of their keys", [
        (script["keys"][:48], f"{script['share_of_script_time']:5.1%}  {script['us_per_call']:.1f} us a call")
        for script in steady["scripts"][:6]])
    print_ending(ending)


def print_ending(ending):
    rows = [
        ("spread of their last heartbeats", f"{ending['spread_ms']:,.0f} ms"),
        ("all settled after the last timer's end", seconds(ending["settled_seconds"])),
        ("settlement lag", lag(ending)),
    ]
    if ending["delivery"]:
        delivery = ending["delivery"]
        rows += [
            ("events delivered", f"{delivery['events']:,}"),
            ("all delivered after the last timer's end", seconds(delivery["seconds"])),
            ("from change to arrival", spread(delivery["wait_ms"], "ms")),
        ]
    rows += [
        ("CPU each until delivered, beyond the living's pace", cpu_each(ending, "each")),
        ("CPU each until delivered, the living's included", cpu_each(ending, "all")),
    ]
    print_section(f"{ending['sessions']:,} ending together", rows + noticed(ending["until_delivered"]))
    print("\nUntil they are settled:", end="")
    print_usage(ending["until_settled"])
    print("\nUntil all is delivered:", end="")
    print_usage(ending["until_delivered"])


def lag(part):
    late = f"; {part['unsettled']:,} are not settled" if part["unsettled"] else ""
    return f"{spread(part['lag_ms'], 'ms')} ({part['lag_ms']['count']:,} sessions{late})"


def noticed(part):
    return [
        ("heartbeats of the living, 1000 a request", beats(part["heartbeats"])),
        ("/health/ready not 200", f"{part['unready']} of {part['ready_checks']}"),
        ("shards with a grace period, most at once", f"{part['shards_graced']}"),
    ]


def beats(heartbeats):
    return (f"{spread(heartbeats['latency_ms'], 'ms', 1)}; {heartbeats['failed']} failed, "
            f"{heartbeats['gone']} sessions gone")


def cpu_each(ending, which):
    return f"worker {ending[f'worker_us_{which}']:.0f} us, Redis {ending[f'redis_us_{which}']:.0f} us"


def seconds(value):
    return "not in time" if value is None else f"{value:.1f} s"
