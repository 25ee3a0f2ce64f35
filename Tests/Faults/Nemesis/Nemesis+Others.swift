import Foundation
import Support

/// The disk of the append-only file is full.
struct DiskFull: Nemesis {
    let name = "disk-full"
    let needs = Needs.with {
        $0.arguments = ["--appendonly", "yes", "--appendfsync", "everysec"]
        // It hears of it as an error, and is not ended by the signal.
        $0.serverLauncher = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]
    }
    let effect = Effect.outage

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await limit(stage, "1") }

    func heal(_ stage: Stage) async throws {
        try await limit(stage, "unlimited")
        try await eventually(else: "Redis does not write again") {
            try await stage.redis.info("aof_last_write_status") == "ok"
        }
    }

    private func limit(_ stage: Stage, _ bytes: String) async throws {
        let pid = try await stage.redis.info("process_id") ?? ""
        let words = ["prlimit", "--pid", pid, "--fsize=\(bytes):unlimited"]
        let child = try ChildProcess(words, folder: stage.folder, log: "prlimit.log")
        try await eventually(else: "prlimit does not end") { !child.isRunning }
        guard child.exitStatus == 0 else { throw TimedOut(description: "no limit: \(child.log)") }
    }
}

/// Five workers over as many shards as there may be, with the shortest timeouts there may be, one of which dies.
struct ManyShards: Nemesis {
    let name = "many-shards"
    let isHeavy = true
    let needs = Needs.with {
        $0.workers = 5
        $0.settings = ["shards": "4096", "outage.gap-ms": "2000", "push.retention-ms": "1000"]
        for kind in ["mobile", "desktop", "browser"] {
            $0.settings["heartbeat.\(kind)-interval-ms"] = "250"
            $0.settings["heartbeat.\(kind)-timeout-ms"] = "2500"
        }
    }
    let effect = Effect.takeover

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await KillWorker().inject(stage, &dice)
    }

    func heal(_ stage: Stage) async throws { try await KillWorker().heal(stage) }
}

/// Workers of two versions side by side, which are replaced in turn: this one and the one of `--other`.
struct TwoVersions: Nemesis {
    let name = "two-versions"
    let needs = Needs.with {
        $0.workers = 4
        $0.otherBinary = ProcessInfo.processInfo.environment["PRESENCE_OTHER_BINARY"]
    }
    let effect = Effect(delayMs: 4_000)
    let holdMs = 100...600

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await stage.worker(&dice).stop() }

    func heal(_ stage: Stage) async throws { try await KillWorker().heal(stage) }
}

/// Any of many faults, one after the other.
struct Mixed: Nemesis {
    let name = "mixed"
    let needs = Needs.with {
        $0.arguments = [
            "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes", "--busy-reply-threshold",
            "100",
        ]
        $0.hasProxies = true
        $0.hasCallerProxies = true
    }
    let choices = Self.all
    static let all: [any Nemesis] =
        [
            KillWorker(), RestartWorker(), PauseWorker(), CutCallers(), KillRedis(), RestartRedis(), PauseRedis(),
            ScriptFlush(), KillSubscribers(), KillClients(), NotificationsOff(), ForgedNotifications(),
            ActiveExpiryOff(), BusyScript(), MemoryFull(), SlowNetwork(), CutNetwork(), BlackHole(), LostReplies(),
        ] + FailingReceiver.all

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {}
}

/// The same for hours, beside many users whose timeouts are a hundred times as long: nothing may grow.
struct Soak: Nemesis {
    let name = "soak"
    let needs: Needs
    let soak: Workload.Size?
    let choices = Mixed.all

    /// - Parameter slowness: how much slower users are, and how much longer everything lasts, than in other runs.
    init(users: Int = 18_000, sockets: Int = 2_000, slowness: Int = 100) {
        soak = Workload.Size(users: users, sockets: sockets, slowness: slowness)
        var needs = Mixed().needs
        for (key, value) in Deployment.shortTimeouts where key.contains("heartbeat") || key == "push.retention-ms" {
            needs.settings[key] = "\((Int(value) ?? 0) * slowness)"
        }
        // What is delivered goes soon: all that is kept has to be of one size.
        needs.settings["events.retention-ms"] = "60000"
        needs.settings["outage.gap-ms"] = "15000"
        self.needs = needs
    }

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {}
}
