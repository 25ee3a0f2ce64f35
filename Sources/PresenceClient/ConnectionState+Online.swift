import NIOCore
import PresenceProtocol

extension ConnectionState {
    /// A welcomed connection: when to heartbeat, and when silence means that the way is dead.
    struct Online {
        let since: NIODeadline
        private let interval: TimeAmount
        private let quiet: TimeAmount
        private let patience: TimeAmount
        private var beatAt: NIODeadline
        private var heardAt: NIODeadline
        /// When the heartbeat not yet acknowledged was sent.
        private var sentAt: NIODeadline?
        /// Until when something has to be heard; nil while nothing was asked.
        private var answerBy: NIODeadline?

        /// - Parameter interval: instead of the one the service asks for.
        init(_ welcome: ServerMessage.Welcome, interval: Duration?, now: NIODeadline) {
            let interval = interval ?? Self.bounded(welcome.intervalSeconds)
            let timeout = Self.bounded(welcome.timeoutSeconds)
            self.interval = TimeAmount(interval)
            quiet = TimeAmount(ClientRules.quiet(interval: interval, timeout: timeout))
            patience = TimeAmount(ClientRules.patience(timeout: timeout))
            since = now
            beatAt = now + self.interval
            heardAt = now
        }

        private static func bounded(_ seconds: Double) -> Duration {
            let bounds = ProtocolLimits.heartbeatSeconds
            return .seconds(min(max(seconds, bounds.lowerBound), bounds.upperBound))
        }

        var nextDeadline: NIODeadline { min(beatAt, answerBy ?? heardAt + quiet) }

        mutating func tick(now: NIODeadline) -> [Action] {
            if let answerBy, now >= answerBy { return [.drop(reason: "nothing heard, not even an answer to a ping")] }
            let beats = now >= beatAt ? [beat(now: now)] : []
            return now >= heardAt + quiet ? beats + ask(now: now) : beats
        }

        /// Asks at once whether the way is dead.
        mutating func ask(now: NIODeadline) -> [Action] {
            guard answerBy == nil else { return [] }
            answerBy = now + patience
            return [.ping]
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
    }
}
