// Telemetry: the figures of a running worker.
//
// Promises: all figures stand in one table, `Metric`, and so do the values their labels may have: nothing a stranger
// sends becomes a label. Counting is a few atomic additions, where there are several kinds of an event after one look
// into a table made beforehand: no lock, no name of a metric is looked up, nothing is formatted. What is a state is asked
// for when somebody looks, see `Instruments`. All goes through swift-metrics: `PrometheusRegistry` is one backend of it.
// Does not: keep history, send anything, know what is counted.

/// Every figure there is. The raw value is its name; the documentation has a table of these, and a test holds the two
/// against each other.
package enum Metric: String, Sendable, CaseIterable {
    // What callers ask.
    case requestDuration = "http_server_request_duration_seconds"
    case connections = "presence_http_connections"
    case refused = "presence_http_refused_total"

    // What becomes of sessions.
    case logins = "presence_logins_total"
    case heartbeats = "presence_heartbeats_total"
    case transitions = "presence_transitions_total"
    case kickedSessions = "presence_kicked_sessions_total"
    case sessions = "presence_sessions"
    case users = "presence_users"
    case shardsCounted = "presence_shards_counted"
    case settlementLag = "presence_settlement_lag_seconds"
    case settlementOverdue = "presence_settlement_overdue_seconds"

    // What the receiver is told.
    case callbackAttempts = "presence_callback_attempts_total"
    case callbackDuration = "presence_callback_duration_seconds"
    case firstAttemptDelay = "presence_callback_first_attempt_delay_seconds"
    case receiverFailing = "presence_callback_receiver_failing"
    case backlog = "presence_backlog_events"
    case backlogLimit = "presence_backlog_limit_events"
    case backlogAge = "presence_backlog_age_seconds"
    case usersAside = "presence_users_aside"
    case eventsAside = "presence_events_aside"
    case deadLetters = "presence_dead_letters"
    case deadLettered = "presence_dead_lettered_events_total"
    case deadLettersDropped = "presence_dead_letters_dropped_total"

    // The background work.
    case shards = "presence_shards"
    case shardsOwned = "presence_shards_owned"
    case takeovers = "presence_shard_takeovers_total"
    case shardsInGrace = "presence_shards_in_grace"
    case graces = "presence_graces_total"
    case notifications = "presence_notifications_total"
    case notificationsOn = "presence_notifications_on"

    // Redis.
    case redisUp = "presence_redis_up"
    case redisRoundTrip = "presence_redis_round_trip_seconds"
    case redisReconnects = "presence_redis_reconnects_total"
    case redisRedirects = "presence_redis_redirects_total"
    case scriptLoads = "presence_redis_script_loads_total"
    case redisQueued = "presence_redis_queued_commands"

    // Clients' sockets.
    case sockets = "presence_sockets"
    case socketsLimit = "presence_sockets_limit"
    case socketQueuedBytes = "presence_socket_queued_bytes"
    case socketsRefused = "presence_sockets_refused_total"
    case socketsClosed = "presence_sockets_closed_total"

    // Who follows.
    case feedStreams = "presence_feed_streams"
    case feedStreamsLimit = "presence_feed_streams_limit"
    case feedQueuedBytes = "presence_feed_queued_bytes"
    case feedStreamsEnded = "presence_feed_streams_ended_total"
    case feedChangesRead = "presence_feed_changes_read_total"
    case feedChangesSent = "presence_feed_changes_sent_total"
    case feedDelay = "presence_feed_delay_seconds"
    case exportedUsers = "presence_exported_users_total"

    // The worker itself.
    case logLinesDropped = "presence_log_lines_dropped_total"
    case ready = "presence_ready"
    case build = "presence_build_info"
    case rules = "presence_rules_info"
    case residentMemory = "process_resident_memory_bytes"
    case virtualMemory = "process_virtual_memory_bytes"
    case openFiles = "process_open_fds"
    case maxFiles = "process_max_fds"
    case cpu = "process_cpu_seconds_total"
    case startTime = "process_start_time_seconds"
}

extension Metric {
    package enum Kind: Sendable, Equatable {
        /// Only grows, from 0 when the worker starts.
        case counter
        case gauge
        /// Of durations in seconds.
        case histogram(Buckets)

        /// As Prometheus calls it.
        package var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    /// The upper bounds of a histogram, chosen for what is promised of the figure.
    package enum Buckets: Sendable {
        /// Answers of this service.
        case answers
        /// One server on the same network.
        case roundTrips
        /// A stranger's service; it has `callback.timeout-ms`, 30 s at most.
        case attempts
        /// What is promised to be done within two seconds, or one.
        case delays

        /// In seconds.
        package var bounds: [Double] {
            switch self {
            case .answers: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
            case .roundTrips: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
            case .attempts: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
            case .delays: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300]
            }
        }
    }

    /// A label, by the name it has in the figures.
    package enum Label: String, Sendable {
        /// A configured platform; `other` for those that only records name.
        case platform
        /// A master of the topology, as `host:port`; its figures go when it is none any more.
        case node
        case outcome, via, action, reason, by, status, kind, code, version, digest, adopted
        case method = "http_request_method"
        /// A path of the API as `/openapi.json` has it; `unmatched` for all others.
        case route = "http_route"
        case statusCode = "http_response_status_code"
    }
}
