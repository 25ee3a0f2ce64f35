extension PresenceClient {
    /// What happens to a client.
    public enum Event: Sendable, Equatable {
        /// The device is Online. `resumed`: the earlier session goes on and nobody noticed a gap.
        case connected(session: String, resumed: Bool)
        /// The service recorded a heartbeat; the time from sending it to hearing so.
        case heartbeat(latency: Duration)
        /// The connection is lost, with a close code of RFC 6455 or of the service (1006: without one), or could not be
        /// made. The client comes back by itself.
        case disconnected(code: UInt16, reason: String, retryIn: Duration)

        /// Final: another session or an operator ended this one.
        case kicked(by: Kicker)
        /// Final: the service will not have this client, and says why.
        case refused(code: UInt16, message: String)
        /// Final: by `logout`, or by the app's backend.
        case loggedOut
        /// Final: `close` was called.
        case closed

        /// Who ends others' sessions.
        public enum Kicker: Sendable, Equatable {
            case session(platform: String, instance: String)
            case `operator`(reason: String?)
        }

        /// Nothing comes after this event, and the client does not come back.
        public var isFinal: Bool {
            switch self {
            case .connected, .heartbeat, .disconnected: false
            case .kicked, .refused, .loggedOut, .closed: true
            }
        }
    }
}
