import Foundation
import RedisClient
import Support

/// An append-only file that has every change before it is acknowledged.
private let durable = ["--appendonly", "yes", "--appendfsync", "always"]

/// Redis dies as by a power cut, and comes back with its append-only file.
struct KillRedis: Nemesis {
    let name = "kill-redis"
    let needs = Needs(arguments: durable)
    let effect = Effect.outage
    let holdMs = 100...5_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await stage.redis.kill() }

    func heal(_ stage: Stage) async throws {
        if await !stage.redis.isAwake { try await stage.redis.start() }
        try await stage.answers(stage.redis)
    }
}

/// Redis is stopped as an operator does, and comes back with its append-only file.
struct RestartRedis: Nemesis {
    let name = "restart-redis"
    let needs = Needs(arguments: durable)
    let effect = Effect.outage

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { try await stage.redis.stop() }

    func heal(_ stage: Stage) async throws { try await KillRedis().heal(stage) }
}

/// Redis stands still, and goes on.
struct PauseRedis: Nemesis {
    let name = "pause-redis"
    let effect = Effect.outage
    let holdMs = 300...6_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws { await stage.redis.pause() }

    func heal(_ stage: Stage) async throws { await stage.redis.resume() }
}

/// Redis comes back with a dump from before all that happened since.
struct OldDump: Nemesis {
    let name = "old-dump"
    let effect = Effect.outage
    let holdMs = 2_000...4_000
    private let taken = Remembered<RunMs>()

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        taken.value = stage.recorder.nowMs
        try await stage.redis.command("SAVE")
    }

    func heal(_ stage: Stage) async throws {
        guard let from = taken.value else { return }
        taken.value = nil
        try await stage.redis.kill()
        stage.recorder.declareLoss(from: from, to: stage.recorder.nowMs)
        try await stage.redis.start()
        try await stage.answers(stage.redis)
    }
}

/// Somebody empties Redis.
struct FlushAll: Nemesis {
    let name = "flushall"
    let effect = Effect.outage

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.redis.command("FLUSHALL")
        stage.recorder.declareLoss(from: 0, to: stage.recorder.nowMs)
    }
}

/// The append-only file ends in the middle of a command, as after a power cut.
struct CutAppendOnlyFile: Nemesis {
    let name = "cut-aof"
    let needs = Needs(arguments: ["--appendonly", "yes", "--aof-load-truncated", "yes"])
    let effect = Effect.outage
    private let share = Remembered<Double>()

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        share.value = Double.random(in: 0..<1, using: &dice)
        try await stage.redis.kill()
    }

    func heal(_ stage: Stage) async throws {
        if await stage.redis.isAwake { return }
        let folder = "\(stage.redis.folder)/appendonlydir"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".incr.aof") }
        for file in files.sorted().suffix(1) {
            let handle = try FileHandle(forWritingTo: URL(filePath: "\(folder)/\(file)"))
            let bytes = try handle.seekToEnd()
            try handle.truncate(atOffset: UInt64(Double(bytes) * (share.value ?? 1)))
            try handle.close()
        }
        stage.recorder.declareLoss(from: 0, to: stage.recorder.nowMs)
        try await stage.redis.start()
        try await stage.answers(stage.redis)
        // Half a change that was cut may stay in the file (Redis 7.0.15), and count at the next start.
        try await stage.redis.command("BGREWRITEAOF")
        try await eventually(else: "the file is not written anew") {
            try await stage.redis.info("aof_rewrite_in_progress") == "0"
        }
    }
}

/// Redis forgets the scripts it knew.
struct ScriptFlush: Nemesis {
    let name = "script-flush"

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for master in try await stage.masters() { try await master.command("SCRIPT", "FLUSH") }
    }
}

/// The connections that listen are cut.
struct KillSubscribers: Nemesis {
    let name = "kill-subscribers"

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
    }
}

/// All connections are cut.
struct KillClients: Nemesis {
    let name = "kill-clients"

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for kind in ["normal", "pubsub"] { try await stage.redis.command("CLIENT", "KILL", "TYPE", kind) }
    }
}

/// Redis tells nobody of expiries and appends.
struct NotificationsOff: Nemesis {
    let name = "notifications-off"
    let holdMs = 4_000...8_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.redis.command("CONFIG", "SET", "notify-keyspace-events", "")
    }

    func heal(_ stage: Stage) async throws {
        try await stage.redis.command("CONFIG", "SET", "notify-keyspace-events", "Kxt")
    }
}

/// Somebody tells of expiries and appends that were none.
struct ForgedNotifications: Nemesis {
    let name = "forged-notifications"

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for shard in 0..<RunShards.usual {
            let leases = try await stage.redis.command("KEYS", Deployment.key(shard, "lease:*")).array ?? []
            let keys = leases.compactMap(\.string) + [Deployment.key(shard, "alarm")]
            let forged = keys.map { ["PUBLISH", "__keyspace@0__:\($0)", "expired"] }
            let appends = ["events", "aside"].map {
                ["PUBLISH", "__keyspace@0__:\(Deployment.key(shard, $0))", "xadd"]
            }
            _ = try await stage.redis.replies(toAll: forged + appends)
        }
    }
}

/// Redis frees what has expired only when somebody asks for it, and tells of it then.
struct ActiveExpiryOff: Nemesis {
    let name = "active-expiry-off"
    let needs = Needs(arguments: ["--enable-debug-command", "yes"])
    let holdMs = 4_000...8_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.redis.command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    }

    func heal(_ stage: Stage) async throws { try await stage.redis.command("DEBUG", "SET-ACTIVE-EXPIRE", "1") }
}

/// Somebody's script keeps Redis busy.
struct BusyScript: Nemesis {
    let name = "busy-script"
    let needs = Needs(arguments: ["--busy-reply-threshold", "100"])
    let effect = Effect.outage
    let holdMs = 1_000...4_500

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        let redis = stage.redis
        // It has no reply before it is killed.
        Task { try? await redis.command("EVAL", "while true do end", "0") }
    }

    func heal(_ stage: Stage) async throws {
        try await eventually(else: "the script does not end") {
            _ = try? await stage.redis.command("SCRIPT", "KILL")
            return (try? await stage.redis.command("GET", "presence:none")) != nil
        }
    }
}

/// Redis takes no more data.
struct MemoryFull: Nemesis {
    let name = "memory-full"

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        try await stage.redis.command("CONFIG", "SET", "maxmemory", "1")
    }

    func heal(_ stage: Stage) async throws { try await stage.redis.command("CONFIG", "SET", "maxmemory", "0") }
}
