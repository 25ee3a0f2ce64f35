import PresenceCore
import RedisClient

/// What Redis may tell unasked. All of it are hints: late under load, not told at all after a restart or where it is
/// forbidden, forged by anybody. Everything works without them, only later within its bounds.
extension PresenceStore {
    /// Keyspace channels (K) of expired keys (x) and stream appends (t).
    package static let notificationFlags = "Kxt"

    /// Wake-ups of these shards, always of the latest set, and this worker's canary. What is heard is only of these
    /// shards, so that it does not grow with the number of workers.
    package func hints(of shards: AsyncStream<Set<Shard>>) -> AsyncStream<Hint> {
        let (sets, channels) = AsyncStream<Set<String>>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (hints, continuation) = AsyncStream<Hint>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        let canary = channel(of: keys.canary(options.worker))
        channels.yield([canary])
        let task = Task {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await shards in shards {
                        let own = shards.flatMap { [channel(of: keys.events($0)), channel(of: keys.alarm($0))] }
                        channels.yield(Set(own).union([canary]))
                    }
                }
                // An event in the crowd is one of thousands a second: its channel is read once.
                var changes: [String: Hint] = [:]
                for await event in redis.subscribe(following: sets) {
                    guard case .message(let channel, let payload) = event else { continue }
                    let known = payload == "xadd" ? changes[channel] : nil
                    guard let hint = known ?? (channel == canary ? .canary : hint(channel, payload)) else { continue }
                    if payload == "xadd" { changes[channel] = hint }
                    continuation.yield(hint)
                }
                group.cancelAll()
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return hints
    }

    private func channel(of key: String) -> String { "__keyspace@\(redis.database)__:\(key)" }

    private func hint(_ channel: String, _ event: String) -> Hint? {
        guard let (shard, name) = keys.shardKey(channel.dropFirst(self.channel(of: "").count)) else { return nil }
        switch (name, event) {
        case ("alarm", "expired"): return .due(shard)
        case ("events", "xadd"): return .changes(shard)
        default: return nil  // The alarm that is set, the stream that is trimmed.
        }
    }

    /// Adds our flags to those set, where CONFIG is allowed.
    /// - Returns: the answer of a Redis where it is not, and they have to be set by hand; nil where they are set.
    package func switchNotificationsOn() async throws(StoreError) -> String? {
        do {
            let settings = try await redis.sendToEveryMaster(
                RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
            let present = settings.compactMap { $0.array?.last?.string }
            guard !present.allSatisfy(Self.tells) else { return nil }
            let union = Set((present.joined() + Self.notificationFlags)).sorted()
            _ = try await redis.sendToEveryMaster(
                RedisCommand(keyless: "CONFIG", "SET", "notify-keyspace-events", String(union)))
            return nil
        } catch {
            guard error.code == .rejected(.noPermission) || error.code == .rejected(.other) else {
                throw StoreError(error)
            }
            return (error.underlying as? RedisReplyError)?.message ?? error.message
        }
    }

    /// Whether a server with these flags tells what we listen to; `A` stands for all kinds.
    package static func tells(_ flags: String) -> Bool {
        flags.contains("K") && (flags.contains("A") || (flags.contains("x") && flags.contains("t")))
    }

    /// Lets a key expire whose notification comes back as `Hint.canary`.
    package func releaseCanary() async throws(StoreError) {
        _ = try await send(RedisCommand("SET", key: keys.canary(options.worker), "1", "PX", "1"))
    }

    /// Looks at it, which makes Redis notice at once, however many other keys there are.
    package func lookForCanary() async throws(StoreError) {
        _ = try await send(RedisCommand("GET", key: keys.canary(options.worker)))
    }

    /// What other workers and operators do to the sessions this worker serves; nil whenever notices may have been
    /// missed until then.
    package func notices() -> AsyncStream<Notice?> {
        let events = redis.subscribe(to: [keys.workerChannel(options.worker)])
        return AsyncStream(bufferingPolicy: .bufferingNewest(StoreLimits.noticesMax)) { notices in
            let task = Task {
                for await event in events {
                    switch event {
                    case .message(_, let payload):
                        guard let notice = Notice(payload) else { continue }
                        if case .dropped = notices.yield(notice) { notices.yield(nil) }
                    case .subscribed: notices.yield(nil)
                    case .lost: continue
                    }
                }
                notices.finish()
            }
            notices.onTermination = { _ in task.cancel() }
        }
    }
}

/// What a notification hints at.
package enum Hint: Hashable, Sendable {
    /// A timer of the shard may have ended.
    case due(Shard)
    /// The shard has new events.
    case changes(Shard)
    /// Notifications reach this worker.
    case canary
}
