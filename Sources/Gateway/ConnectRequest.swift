import NIOHTTP1
import PresenceCore

/// What a client asks for when it connects, checked.
struct ConnectRequest: Sendable {
    static let path = "/v1/connect"
    /// The subprotocol a client may offer, with `token.<its token>` beside it.
    static let subprotocol = "presence"

    var user: UserID
    var platform: Platform
    var instance: InstanceID
    var details: ClientDetails
    /// The session to go on with.
    var session: SessionID?
    var attempt: Attempt?

    /// What the query of a request may say; other parameters are ignored.
    enum Parameter: String {
        case user, platform, instance, network, version, session, attempt, token
    }

    /// - Parameters:
    ///   - parameters: of the request's query.
    ///   - address: where the client is.
    /// - Throws: `InvalidInput` naming the parameter that is wrong or missing.
    init(
        _ parameters: [Parameter: String], address: String?, platforms: PlatformTable
    ) throws(InvalidInput) {
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

    /// The parameters of a query that have a value.
    /// - Throws: `InvalidInput` naming the one that is given twice or cannot be decoded.
    static func parameters(of uri: String) throws(InvalidInput) -> [Parameter: String] {
        var parameters: [Parameter: String] = [:]
        let query = uri.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            guard let name = Parameter(rawValue: String(Substring(name))) else { continue }
            guard let value = String(percentEncoded: pair.drop { $0 != UInt8(ascii: "=") }.dropFirst()) else {
                throw InvalidInput(field: name.rawValue, message: "must be percent-encoded UTF-8")
            }
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw InvalidInput(field: name.rawValue, message: "is given twice")
            }
        }
        return parameters.filter { !$0.value.isEmpty }
    }

    /// The token a request brings along: in its query, or offered as a subprotocol.
    static func token(in parameters: [Parameter: String], _ headers: HTTPHeaders) -> String? {
        parameters[.token]
            ?? headers[canonicalForm: "sec-websocket-protocol"].first { $0.hasPrefix("token.") }
            .map { String($0.dropFirst("token.".count)) }
    }
}
