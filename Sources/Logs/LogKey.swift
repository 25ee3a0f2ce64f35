import Logging

/// Everything a line of the log can say beside its message. Logs.md has a table of these, and a test holds the two
/// against each other.
package enum LogKey: String, Sendable, CaseIterable {
    // What went wrong, and what to do.
    case error
    case detail
    case code
    case advice
    case count

    // Who, and what of theirs.
    case user
    case address
    case origin
    case shard
    case shards
    case ownedShards = "owned_shards"
    case lagMs = "lag_ms"

    // What operators did.
    case action
    case actor
    case outcome
    case platform
    case instance
    case reason

    // Requests.
    case method
    case path
    case status
    case command
    case requestID = "request_id"

    // Redis.
    case endpoint
    case software
    case redisKey = "redis_key"
    case redisPrefix = "redis_prefix"
    case aclRules = "acl_rules"
    case notifyKeyspaceEvents = "notify_keyspace_events"
    case notificationsOK = "notifications_ok"
    case stateFolder = "state_folder"

    // The worker and its rules.
    case host
    case port
    case settings
    case variable
    case rulesDigest = "rules_digest"
    case differences
    case lines
    case changed
    case needsRestart = "needs_restart"
}

package typealias LogMetadata = [LogKey: Logger.MetadataValue]

extension Logger.Metadata {
    /// What a line says beside its message. Given as `metadata:` it is made only where the line is logged.
    package static func keyed(_ values: LogMetadata) -> Self {
        var metadata = Self(minimumCapacity: values.count)
        for (key, value) in values { metadata[key.rawValue] = value }
        return metadata
    }
}
