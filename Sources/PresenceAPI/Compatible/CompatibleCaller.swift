import PresenceCore
import UserSig

/// Who calls, as the query says: `sdkappid`, `identifier` and `usersig`. `random` and `contenttype` say nothing
/// that matters here and are not looked at.
struct CompatibleCaller {
    private let sdkAppID: String?
    private let identifier: String?
    private let userSig: String?

    init(_ query: String) throws(CompatibleFailure) {
        sdkAppID = try Self.parameter("sdkappid", in: query)
        identifier = try Self.parameter("identifier", in: query)
        userSig = try Self.parameter("usersig", in: query)
    }

    /// Lets an administrator of the app pass who shows a usersig of their own.
    func check(for command: CompatibleCommand, of app: CompatibleApp) throws {
        guard let sdkAppID else {
            throw CompatibleFailure(.sdkAppIDMissing, "Send the app's id as the query parameter sdkappid.")
        }
        guard Int(sdkAppID) == app.key.sdkAppID else {
            throw CompatibleFailure(.sdkAppIDUnknown, "This service has no app with this sdkappid; check it.")
        }
        guard let identifier else {
            throw CompatibleFailure(.identifierMissing, "Send an administrator as the query parameter identifier.")
        }
        guard let userSig else {
            throw CompatibleFailure(.userSigMissing, "Send the administrator's usersig as the query parameter usersig.")
        }
        _ = try app.verify(userSig, of: identifier)
        guard app.admins.contains(where: { $0.utf8.elementsEqual(identifier.utf8) }) else {
            throw CompatibleFailure(command.needsAdministrator, "The identifier must be an administrator of the app.")
        }
    }

    /// The parameter's value, decoded as form data is; nil if there is none or it is empty.
    private static func parameter(_ name: String, in query: String) throws(CompatibleFailure) -> String? {
        let values = query.utf8.split(separator: UInt8(ascii: "&"))
            .filter { $0.prefix { $0 != UInt8(ascii: "=") }.elementsEqual(name.utf8) }
            .map { $0.drop { $0 != UInt8(ascii: "=") }.dropFirst() }
        guard values.count <= 1 else { throw CompatibleFailure(.badRequest, "Send \(name) once.") }
        guard let value = values.first, !value.isEmpty else { return nil }
        guard let decoded = String(percentEncoded: value, plusIsBlank: true) else {
            throw CompatibleFailure(.badRequest, "Send \(name) percent-encoded in UTF-8.")
        }
        return decoded
    }
}
