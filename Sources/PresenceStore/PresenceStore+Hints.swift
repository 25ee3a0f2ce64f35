import PresenceCore
import RedisClient

/// What Redis may tell unasked. All of it are hints: late under load, not told at all after a restart or where it is
/// forbidden, forged by anybody. Everything works without them, only later within its bounds.
extension PresenceStore {
    /// Keyspace channels (K) of expired keys (x) and stream appends (t).
    package static let notificationFlags = "Kxt"

    /// Wake-ups of the shards, and the canaries, always of the latest set. What is heard is only of these, so that it
    /// does not grow with the number of workers.
    package func hints(of heard: AsyncStream<HeardShards>) -> AsyncStream<Hint> {
        let (sets, channels) = AsyncStream<Set<RedisChannel>>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (hints, continuation) = AsyncStream<Hint>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        let task = Task {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await heard in heard {
                        let own =
                            heard.owned.flatMap { [keys.events($0), keys.alarm($0)] }
                            + heard.followed.map { keys.events($0) }
                        let canaries = heard.canaries.map { keys.canary(options.worker, $0) }
                        channels.yield(Set((own + canaries).map(channel)))
                    }
                }
                // An event in the crowd is one of thousands a second: its channel is read once.
                var changes: [String: Hint] = [:]
                for await event in redis.subscribe(following: sets) {
                    guard case .message(let channel, let payload) = event else {
                        continuation.yield(event == .subscribed ? .subscribed : .lost)
                        continue
                    }
                    let known = payload == "xadd" ? changes[channel] : nil
                    guard let hint = known ?? hint(channel, payload) else { continue }
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

    private func channel(of key: String) -> RedisChannel { RedisChannel(keyspaceOf: key, database: redis.database) }

    private func hint(_ channel: String, _ event: String) -> Hint? {
        guard let (shard, name) = keys.shardKey(channel.dropFirst(self.channel(of: "").name.count)) else { return nil }
        switch (name, event) {
        case ("alarm", "expired"): return .due(shard)
        case ("events", "xadd"): return .changes(shard)
        case (KeySpace.canaryName(options.worker), "expired"): return .canary(shard)
        default: return nil  // The alarm that is set, the stream that is trimmed.
        }
    }

    /// Adds our flags to those set, where CONFIG is allowed.
    /// - Returns: the answer of a Redis where it is not, and they have to be set by hand; nil where they are set.
    package func switchNotificationsOn() async throws(StoreError) -> String? {
        do throws(RedisError) {
            let asked = await redis.sendToEveryMaster(RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
            let present = asked.compactMap { try? $0.1.get().array?.last?.string }
            var answers = asked
            if !present.allSatisfy(Self.tells) {
                let union = Set((present.joined() + Self.notificationFlags)).sorted()
                answers += await redis.sendToEveryMaster(
                    RedisCommand(keyless: "CONFIG", "SET", "notify-keyspace-events", String(union)))
            }
            // One that cannot be asked keeps its own flags only.
            for (_, result) in answers { _ = try result.get() }
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

    /// A shard of each master there is.
    package var shardOfEachMaster: Set<Shard> {
        Set(byHome(Set(0..<keys.shards)).values.compactMap { $0.min() })
    }

    /// Lets a key of each of these shards expire, whose notification comes back as `Hint.canary`: looking at the one
    /// released before makes Redis notice at once, however many other keys there are.
    package func releaseCanaries(in shards: Set<Shard>) async {
        let canaries = shards.map { keys.canary(options.worker, $0) }
        _ = await redis.pipeline(
            canaries.flatMap { [RedisCommand("GET", key: $0), RedisCommand("SET", key: $0, "1", "PX", "1")] },
            patience: .background)
    }

    /// What other workers and operators do to the sessions this worker serves; nil whenever notices may have been
    /// missed until then.
    package func notices() -> AsyncStream<Notice?> {
        let events = redis.subscribe(to: [RedisChannel(keys.workerChannel(options.worker))])
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

/// The shards whose notifications a worker listens to.
package struct HeardShards: Sendable, Equatable {
    package var owned: Set<Shard> = []
    /// Those whose changes only are of interest.
    package var followed: Set<Shard> = []
    /// Those with a canary of this worker.
    package var canaries: Set<Shard> = []

    package init() {}
}

/// What a notification hints at.
package enum Hint: Hashable, Sendable {
    /// A timer of the shard may have ended.
    case due(Shard)
    /// The shard has new events.
    case changes(Shard)
    /// Notifications of the server that has this shard reach this worker.
    case canary(Shard)
    /// The server that tells them is listened to from now on: one that has just become master may have them off.
    case subscribed
    /// It is not listened to any more.
    case lost
}
