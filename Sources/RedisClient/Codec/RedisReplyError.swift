/// An error the server answered with.
package struct RedisReplyError: Error, Equatable, Sendable {
    /// What the first word of the reply says. The list is closed: what is not named is `other`.
    package enum Kind: Sendable, Equatable, CaseIterable {
        case moved, ask, tryAgain, clusterDown, readOnly, loading, busy, noReplicas, misconfigured
        case outOfMemory, noScript, authentication, noPermission, wrongType, other
    }

    package let kind: Kind
    /// The server's own words. They can repeat arguments of the command: for logs, not for clients.
    package let message: String

    package init(message: String) {
        // What Redis 7.0, and what Valkey, says of a command within a script.
        let denials = ["ERR The user executing the script can't run this command", "ERR ACL failure in script"]
        let isDeniedInScript = denials.contains { message.hasPrefix($0) }
        self.kind = isDeniedInScript ? .noPermission : Kind(word: message.prefix { $0 != " " })
        self.message = message
    }

    /// What happened and what to do about it, safe to show to anyone.
    var advice: String {
        guard kind == .noPermission, let command = message.firstMatch(of: /run the '([a-z|_-]+)' command/)?.1 else {
            return kind.advice
        }
        return "The Redis user may not run \(command). Add +\(command) to its ACL."
    }
}

extension RedisReplyError: CustomStringConvertible {
    package var description: String { message }
}

extension RedisReplyError.Kind {
    init(word: some StringProtocol) {
        self =
            switch word {
            case "MOVED": .moved
            case "ASK": .ask
            case "TRYAGAIN": .tryAgain
            case "CLUSTERDOWN", "MASTERDOWN": .clusterDown
            case "READONLY": .readOnly
            case "LOADING": .loading
            case "BUSY": .busy
            case "NOREPLICAS": .noReplicas
            case "MISCONF": .misconfigured
            case "OOM": .outOfMemory
            case "NOSCRIPT": .noScript
            case "NOAUTH", "WRONGPASS": .authentication
            case "NOPERM": .noPermission
            case "WRONGTYPE": .wrongType
            default: .other
            }
    }

    /// Whether the server refuses so before a command, or a script, has changed anything.
    var isBeforeAnyEffect: Bool {
        switch self {
        case .moved, .ask, .noReplicas, .misconfigured, .outOfMemory, .noScript, .authentication: true
        case .tryAgain, .clusterDown, .readOnly, .loading, .busy: true
        case .noPermission, .wrongType, .other: false
        }
    }

    /// Whether the server did nothing and will serve the same command in a moment.
    var passesSoon: Bool {
        switch self {
        case .tryAgain, .clusterDown, .readOnly, .loading, .busy: true
        default: false
        }
    }

    var advice: String {
        switch self {
        case .moved, .ask:
            "Redis keeps this key on another node of a cluster. Put +cluster behind the redis or rediss of redis.url."
        case .tryAgain: "Redis is moving this key to another node. Try again."
        case .clusterDown:
            "The Redis cluster does not serve this key. Bring its failed nodes back, or give all slots to its masters."
        case .readOnly: "Redis is a read-only replica. Point redis.url at the master."
        case .loading: "Redis is loading its data. Try again."
        case .busy: "Redis is busy with a long script. Try again, or end the script with SCRIPT KILL."
        case .noReplicas: "Redis has too few replicas to accept writes. Bring the replicas back."
        case .misconfigured: "Redis cannot persist and refuses writes. Free its disk and read its log."
        case .outOfMemory: "Redis is out of memory. Raise its maxmemory."
        case .noScript: "Redis does not know the script. Try again."
        case .authentication: "Redis refused the login. Set the user and password in redis.url."
        case .noPermission:
            "The Redis user lacks a permission. Give it the ACL of RedisDeployments.md; the server's ACL LOG names what was asked."
        case .wrongType: "Redis holds a key of another type than the command takes. Read the log for its answer."
        case .other: "Redis refused the command. Read the log for its answer."
        }
    }
}
