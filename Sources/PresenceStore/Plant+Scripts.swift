#if DEBUG
    import PresenceCore
    import RedisClient

    extension Plant {
        /// The script with this fault in it, if the fault is one of that script.
        func planted(in script: RedisScript) -> RedisScript {
            guard let change, script.name == change.script || change.isShared && script.source.contains(change.text)
            else { return script }
            let pieces = script.source.split(separator: change.text, omittingEmptySubsequences: false)
            precondition(pieces.count == 2, "\(rawValue) has nowhere to be planted in \(script.name)")
            return RedisScript(name: script.name, source: pieces.joined(separator: change.planted))
        }

        private struct Change {
            /// The script it must be in.
            var script: String
            /// Others use the same text, in a part.
            var isShared = false
            var text: String
            var planted: String
        }

        private var change: Change? {
            switch self {
            case .repeatedCallTwoChanges:
                Change(
                    script: "login_session",
                    text: """
                        if before then
                          return { 'accepted', unpack(recall_done(recent, generation) or { field(before, 'login'), 'Online' }) }
                        end
                        """,
                    planted: """
                        if before then
                          now = tonumber(field(before, 'login'))
                          user.version = digits(now - 1)
                        end
                        """)
            case .loginDoneTwice:
                Change(
                    script: "login_session", isShared: true, text: "local recent_most = 128",
                    planted: "local recent_most = 1")
            case .graceBySlowRound:
                Change(
                    script: "tend_shard", text: "local begins = owner[4] and unswept > gap",
                    planted: """
                        local first_due = redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')[2]
                        local begins = owner[4] and (unswept > gap or first_due and now - first_due > gap)
                        """)
            case .acknowledgedUnread:
                Change(
                    script: "acknowledge_events",
                    text: "if not entry or id ~= '' and id_of(entry[2]) ~= id then return { 'moved' } end",
                    planted: "")
            case .stuckBehindFailing: nil
            }
        }
    }
#endif
