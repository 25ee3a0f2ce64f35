/// What stood in Redis at the end.
package struct Dump: Codable, Sendable, Equatable {
    package struct User: Codable, Sendable, Equatable {
        package var user: String
        package var version: Int
        package var sessions: [Call.Seen]

        package init(user: String, version: Int, sessions: [Call.Seen]) {
            self.user = user
            self.version = version
            self.sessions = sessions
        }
    }

    package struct Key: Codable, Sendable, Equatable {
        package var name: String
        package var type: String
        /// nil for one that stays.
        package var ttlMs: Int?

        package init(name: String, type: String, ttlMs: Int?) {
            self.name = name
            self.type = type
            self.ttlMs = ttlMs
        }
    }

    package var users: [User] = []
    /// Every event that is kept, oldest first within each shard.
    package var log: [Change] = []
    /// Of those in the log, the ids that are not delivered yet; set aside or not.
    package var pending: Set<String> = []
    /// The ids of dead letters.
    package var dead: Set<String> = []
    package var keys: [Key] = []
    /// The users that each shard's sweep knows of.
    package var indexed: Set<String> = []
    /// What the counters of all shards say together, and what is counted.
    package var counters: [String: Int] = [:]
    package var counted: [String: Int] = [:]

    package init() {}
}
