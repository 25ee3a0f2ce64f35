import ArgumentParser
import Feed
import Foundation
import Inspection
import JSON
import PresenceCore
import PresenceStore
import UnixSignals

/// `presence watch [users]`: changes as they are committed.
struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow changes as they are committed.",
        discussion: """
            One line for each change, of all users or of those named, until SIGINT, SIGTERM, --for-ms or --count. It reads \
            the event log of every shard concerned five times a second, from 800 shards on less often: at most 4 000 \
            small reads a second over all Redis masters. Changes are shown at the latest a second after they were \
            committed, and say nothing of whether they were delivered.
            """)

    /// Between two rounds, and what a round may cost: reads of one shard each.
    private static let pauseMs = 200
    private static let readsPerSecondMax = 4_000
    /// Events of one shard in one read.
    private static let eventsMax = 500

    @OptionGroup var redis: RedisArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "Ids of users; without any, all.")
    var users: [String] = []

    @Option(help: "End after this time.")
    var forMs: Int?

    @Option(help: "End after so many changes.")
    var count: Int?

    func run() async throws {
        try await exitingWithSentence {
            try CommandInput.number("--for-ms", forMs, from: 1)
            try CommandInput.number("--count", count, from: 1)
            let users = Set(try users.map(CommandInput.user))
            try await redis.withStore { store in
                try await withThrowingTaskGroup { group in
                    group.addTask { try await follow(users, in: store) }
                    group.addTask {
                        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
                    }
                    if let forMs { group.addTask { try? await Task.sleep(for: .milliseconds(forMs)) } }
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }

    /// Returns when enough are told, or it is cancelled.
    private func follow(_ users: Set<UserID>, in store: PresenceStore) async throws {
        let shards =
            users.isEmpty ? Array(0..<store.keys.shards) : Array(Set(users.map(store.keys.shard(of:)))).sorted()
        let pause = Duration.milliseconds(max(Self.pauseMs, shards.count * 1_000 / Self.readsPerSecondMax))
        var troubles = Troubles()
        let ends = await store.lastEvents(of: shards)
        troubles.tell(ends.failures)
        guard !ends.answers.isEmpty else { throw ends.failures.values.first ?? StartError(.unavailable, "No shards.") }
        // A shard whose master is away now is followed from whenever it is back: what it has is not old.
        let starts = Dictionary(uniqueKeysWithValues: shards.map { ($0, ends[$0] ?? "0-0") })
        var tails = EventTails(starts, retentionMs: store.options.eventsRetentionMs, now: .now)
        if output.progress || isatty(STDERR_FILENO) == 1 {
            LogOutput.standardError.write("Following \(shards.count) shards; end with Ctrl-C.\n")
        }
        var left = count ?? Int.max
        var behind = shards
        while !Task.isCancelled, left > 0 {
            let positions = tails.positions.filter { behind.contains($0.key) }
            let read = await store.events(from: positions, limit: Self.eventsMax)
            troubles.tell(read.failures)
            behind = []
            var changes: [(position: String, change: StatusChange)] = []
            for (shard, entries) in read.answers {
                let reading = tails.take(entries, of: shard, limit: Self.eventsMax, now: .now)
                if reading.isBehind { behind.append(shard) }
                if reading.mayHaveMissed { tellMissed(shard) }
                for entry in reading.events {
                    guard let change = entry.change, users.isEmpty || users.contains(change.user) else { continue }
                    changes.append((entry.position, change))
                }
            }
            changes.sort { StreamPosition.isBefore($0.position, $1.position) }
            for (_, change) in changes.prefix(left) {
                output.print(ToldChange(change), [WatchedChange.line(change)])
            }
            left -= min(left, changes.count)
            // Redirected output is kept back otherwise.
            fflush(nil)
            guard behind.isEmpty, left > 0 else { continue }
            behind = shards
            try? await Task.sleep(for: pause)
        }
    }

    private func tellMissed(_ shard: Shard) {
        output.print(
            JSONObject { $0.member("missed") { $0.member("shard", shard) } },
            ["--- changes of shard \(shard) may be missing here: it was not read for longer than they are kept"])
    }

    /// Masters that are away, told when that begins and when it ends.
    private struct Troubles {
        private var failing: Set<Shard> = []

        mutating func tell(_ failures: [Shard: StoreError]) {
            if let (shard, error) = failures.first, failing.isEmpty {
                LogOutput.standardError.write(
                    "presence: \(failures.count) shards cannot be read, shard \(shard) among them: \(error.message)\n")
            } else if failures.isEmpty, !failing.isEmpty {
                LogOutput.standardError.write("presence: all shards can be read again\n")
            }
            failing = Set(failures.keys)
        }
    }
}
