import NIOCore

extension ConnectionState {
    /// A welcomed connection: when to heartbeat, and when silence means that the way is dead.
    struct Online {
        let since: NIODeadline
        private let interval: TimeAmount
        private var beatAt: NIODeadline
        private var heardAt: NIODeadline
        /// When the heartbeat not yet acknowledged was sent.
        private var sentAt: NIODeadline?
        /// When the ping was sent since which nothing was heard.
        private var pingedAt: NIODeadline?
        private var leaveBy: NIODeadline?

        init(interval: TimeAmount, now: NIODeadline) {
            since = now
            self.interval = interval
            beatAt = now + interval
            heardAt = now
        }

        /// A logout is sent and not answered.
        var isLeaving: Bool { leaveBy != nil }

        var nextDeadline: NIODeadline { min(beatAt, deadAt ?? pingAt, leaveBy ?? .distantFuture) }

        /// Heartbeats go unanswered while the service cannot ask Redis, pings do not: they tell one from the other.
        private var pingAt: NIODeadline { heardAt + interval + halfInterval }
        private var deadAt: NIODeadline? { pingedAt.map { $0 + halfInterval } }
        private var halfInterval: TimeAmount { .nanoseconds(interval.nanoseconds / 2) }

        mutating func tick(now: NIODeadline) -> [Action] {
            if let deadAt, now >= deadAt { return [.drop(reason: "nothing heard for two heartbeat intervals")] }
            if let leaveBy, now >= leaveBy { return [.drop(reason: "no answer to the logout")] }
            var actions: [Action] = []
            if now >= beatAt { actions.append(beat(now: now)) }
            if pingedAt == nil, now >= pingAt {
                pingedAt = now
                actions.append(.send(.ping))
            }
            return actions
        }

        mutating func beat(now: NIODeadline) -> Action {
            beatAt = now + interval
            sentAt = now
            return .send(.heartbeat)
        }

        mutating func heard(now: NIODeadline) {
            heardAt = now
            pingedAt = nil
        }

        /// - Returns: how long it took; nil if no heartbeat is waited for.
        mutating func acknowledged(now: NIODeadline) -> Duration? {
            defer { sentAt = nil }
            return sentAt.map { Duration(now - $0) }
        }

        mutating func leave(now: NIODeadline) { leaveBy = now + TimeAmount(ClientLimits.answerWithin) }
        mutating func stay() { leaveBy = nil }
    }
}
