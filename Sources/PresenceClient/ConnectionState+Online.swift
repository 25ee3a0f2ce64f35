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
        /// Until when something has to be heard; nil while nothing was asked.
        private var answerBy: NIODeadline?
        private var leaveBy: NIODeadline?

        init(interval: TimeAmount, now: NIODeadline) {
            since = now
            self.interval = interval
            beatAt = now + interval
            heardAt = now
        }

        /// A logout is sent and not answered.
        var isLeaving: Bool { leaveBy != nil }

        var nextDeadline: NIODeadline { min(beatAt, answerBy ?? pingAt, leaveBy ?? .distantFuture) }

        /// Heartbeats go unanswered while the service cannot ask Redis, pings do not: they tell one from the other.
        private var pingAt: NIODeadline { heardAt + interval + halfInterval }
        private var halfInterval: TimeAmount { .nanoseconds(interval.nanoseconds / 2) }

        mutating func tick(now: NIODeadline) -> [Action] {
            if let answerBy, now >= answerBy { return [.drop(reason: "nothing heard, not even an answer to a ping")] }
            if let leaveBy, now >= leaveBy { return [.drop(reason: "no answer to the logout")] }
            var actions: [Action] = []
            if now >= beatAt { actions.append(beat(now: now)) }
            if answerBy == nil, now >= pingAt { actions += ask(now: now, patience: halfInterval) }
            return actions
        }

        /// Asks at once whether the way is dead.
        mutating func hurry(now: NIODeadline) -> [Action] {
            ask(now: now, patience: min(halfInterval, TimeAmount(ClientLimits.signOfLifeWithin)))
        }

        private mutating func ask(now: NIODeadline, patience: TimeAmount) -> [Action] {
            if let answerBy, answerBy <= now + patience { return [] }
            answerBy = now + patience
            return [.send(.ping)]
        }

        mutating func beat(now: NIODeadline) -> Action {
            beatAt = now + interval
            sentAt = now
            return .send(.heartbeat)
        }

        mutating func heard(now: NIODeadline) {
            heardAt = now
            answerBy = nil
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
