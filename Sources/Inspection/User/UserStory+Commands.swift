import PresenceCore
import PresenceStore
import RedisClient

/// The same with redis-cli.
extension UserStory {
    /// Changes that are shown by their place.
    private static let changesMax = 3

    static func commands(_ facts: UserFacts, _ changes: [ChangeStory], _ commandLine: String) -> [String] {
        let (shard, user) = (facts.shard.keys, facts.user.rawValue)
        func command(_ name: String, _ key: String, _ words: String...) -> String {
            ([commandLine, name] + ([key] + words).map(\.shellQuoted)).joined(separator: " ")
        }
        var commands = [
            command("HGETALL", "\(shard)user:\(user)"),
            command("HGETALL", "\(shard)recent:\(user)"),
        ]
        for session in facts.presence.sessions {
            let kind = session.status == .online ? "lease" : "push"
            commands.append(command("PTTL", "\(shard)\(kind):\(user):\(session.id)"))
        }
        if facts.deadline != .forbidden { commands.append(command("ZSCORE", shard + "deadlines", user)) }
        for change in changes.suffix(changesMax) {
            commands.append(command("XRANGE", shard + change.stream.rawValue, change.position, change.position))
        }
        return commands + [
            command("HGETALL", shard + "cursor"), command("HGETALL", shard + "owner"), command("GET", shard + "grace"),
            command("HGETALL", "\(shard.prefix { $0 != ":" }):rules"),
        ]
    }
}
