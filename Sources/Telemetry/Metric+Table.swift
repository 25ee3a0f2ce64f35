extension Metric {
    package var kind: Kind { entry.kind }
    package var labels: [Label] { entry.labels }
    /// What it says, as a sentence.
    package var help: String { entry.help }

    private var entry: (kind: Kind, labels: [Label], help: String) {
        switch self {
        // What callers ask.
        case .requestDuration:
            (
                .histogram(.answers), [.method, .route, .statusCode],
                "Time from the head of a request to its answer, or to the head of one that is streamed."
            )
        case .connections: (.gauge, [], "Open connections, sockets of clients among them.")
        case .refused: (.counter, [.reason], "Connections and requests the server turned away by itself.")

        // What becomes of sessions.
        case .logins: (.counter, [.platform, .outcome], "Logins by what became of them.")
        case .heartbeats: (.counter, [.outcome, .via], "Heartbeats of sessions by what became of them.")
        case .transitions:
            (
                .counter, [.platform, .action, .reason],
                "Changes of sessions this worker brought about, as told to the receiver."
            )
        case .kickedSessions: (.counter, [.platform, .by], "Sessions ended by another login, or by a call.")
        case .sessions: (.gauge, [.status, .platform], "Live sessions of the shards this worker owns.")
        case .users: (.gauge, [.status], "Users with a live session of the shards this worker owns.")
        case .shardsCounted:
            (.gauge, [], "Owned shards whose Redis answered for the figures of sessions, users and events.")
        case .settlementLag: (.histogram(.delays), [], "Time from the end of a session's timer until that was settled.")
        case .settlementOverdue:
            (.gauge, [], "How overdue the most overdue user of the owned shards was at its last sweep.")

        // What the receiver is told.
        case .callbackAttempts: (.counter, [.outcome], "Attempts to tell the receiver of a change.")
        case .callbackDuration: (.histogram(.attempts), [], "How long an attempt to tell the receiver took.")
        case .firstAttemptDelay:
            (.histogram(.delays), [], "Time from a change to the first attempt to tell the receiver.")
        case .receiverFailing: (.gauge, [], "1 while the receiver accepts nobody's events and all wait.")
        case .backlog:
            (.gauge, [], "Events of the owned shards that wait to be delivered, those set aside not counted.")
        case .backlogLimit: (.gauge, [], "Waiting events of all shards at which logins are refused.")
        case .backlogAge: (.gauge, [], "Age of the oldest event that waits to be delivered.")
        case .usersAside: (.gauge, [], "Users of the owned shards whose events are set aside.")
        case .eventsAside: (.gauge, [], "Events of the owned shards that are set aside.")
        case .deadLetters: (.gauge, [], "Dead letters of the owned shards.")
        case .deadLettered: (.counter, [], "Events that became dead letters.")
        case .deadLettersDropped: (.counter, [], "Dead letters dropped as there were too many of a shard.")

        // The background work.
        case .shards: (.gauge, [], "Shards the users are divided into: what all workers together should own.")
        case .shardsOwned: (.gauge, [], "Shards this worker owns.")
        case .takeovers: (.counter, [], "Shards this worker took over.")
        case .shardsInGrace: (.gauge, [], "Owned shards in which nobody is settled as lost after an outage.")
        case .graces: (.counter, [], "Graces that began in owned shards.")
        case .notifications: (.counter, [.kind, .outcome], "Keyspace notifications heard, by whether there was work.")
        case .notificationsOn: (.gauge, [.node], "1 where keyspace notifications came through at the last check.")

        // Redis.
        case .redisUp: (.gauge, [.node], "1 while there is a connection to this master.")
        case .redisRoundTrip:
            (.histogram(.roundTrips), [.node], "Time from handing commands over until all of them are answered.")
        case .redisReconnects: (.counter, [.node], "Connections lost or not made.")
        case .redisRedirects: (.counter, [.kind], "Commands another server had to be asked for, or that had to wait.")
        case .scriptLoads: (.counter, [], "Calls of scripts that a server did not know.")
        case .redisQueued: (.gauge, [.node], "Commands that wait to be sent or answered.")

        // Clients' sockets.
        case .sockets: (.gauge, [.platform], "Sockets of clients that are logged in or logging in.")
        case .socketsLimit: (.gauge, [], "Sockets of clients this worker takes.")
        case .socketQueuedBytes: (.gauge, [], "Bytes that wait until clients read them.")
        case .socketsRefused: (.counter, [.reason], "Sockets that were not let in.")
        case .socketsClosed: (.counter, [.code], "Sockets closed, by the code given or taken.")

        // Who follows.
        case .feedStreams: (.gauge, [.kind], "Streams of changes that are open, of all users or of some.")
        case .feedStreamsLimit: (.gauge, [], "Streams of changes this worker opens.")
        case .feedQueuedBytes:
            (
                .gauge, [],
                "Bytes that wait for readers of changes of some users, and those being written to who catches up."
            )
        case .feedStreamsEnded: (.counter, [.reason], "Streams of changes that ended, by why.")
        case .feedChangesRead: (.counter, [], "Changes read for those who follow, each once however many they are.")
        case .feedChangesSent: (.counter, [], "Changes handed to streams, each once for every stream it went to.")
        case .feedDelay: (.histogram(.delays), [], "Time from a change until it is handed to the streams.")
        case .exportedUsers: (.counter, [], "Users looked at for exports.")

        // The worker itself.
        case .logLinesDropped:
            (
                .counter, [],
                "Lines of the log that are missing: whoever reads it was too slow, or it could not be written."
            )
        case .ready: (.gauge, [], "1 while this worker can serve, as /health/ready says.")
        case .build: (.gauge, [.version], "Always 1, with the version of this worker.")
        case .rules:
            (
                .gauge, [.digest, .adopted],
                "Always 1, with the rules of this worker and whether they are the adopted ones."
            )
        case .residentMemory: (.gauge, [], "Memory in use.")
        case .virtualMemory: (.gauge, [], "Memory that is mapped.")
        case .openFiles: (.gauge, [], "Open file descriptors.")
        case .maxFiles: (.gauge, [], "File descriptors there may be.")
        case .cpu: (.counter, [], "Time of CPU used.")
        case .startTime: (.gauge, [], "When the process was started, as Unix time.")
        }
    }
}
