import NIOHTTP1
import PresenceCore
import PresenceProtocol

/// What a client asks for when it connects, checked.
struct ConnectRequest: Sendable {
    var user: UserID
    var platform: Platform
    var instance: InstanceID
    var details: ClientDetails
    /// The session to go on with.
    var session: SessionID?
    var attempt: Attempt?

    typealias Parameters = QueryParameters<ConnectQuery.Parameter>

    /// - Parameters:
    ///   - parameters: of the request's query.
    ///   - address: where the client is.
    /// - Throws: `InvalidInput` naming the parameter that is wrong or missing.
    init(_ parameters: Parameters, address: String?, platforms: PlatformTable) throws(InvalidInput) {
        user = try UserID(parameters[.user] ?? "")
        platform = try platforms.platform(named: parameters[.platform] ?? "")
        instance = try parameters[.instance].map { text throws(InvalidInput) in try InstanceID(text) } ?? .unnamed
        details = try ClientDetails(
            address: address, network: parameters[.network], version: parameters[.version])
        session = try parameters[.session].map { text throws(InvalidInput) in try platforms.session(text) }
        attempt = try parameters[.attempt].map { text throws(InvalidInput) in try Attempt(text) }
        if let session, session.platform != platform || session.instance != instance {
            throw InvalidInput(field: "session", message: "must be of the same platform and instance")
        }
    }

    /// The token a request brings along: in its query, or offered as a subprotocol.
    static func token(in parameters: Parameters, _ headers: HTTPHeaders) -> String? {
        let prefix = ConnectQuery.tokenSubprotocolPrefix
        return parameters[.token]
            ?? headers[canonicalForm: "sec-websocket-protocol"].first { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
    }
}
