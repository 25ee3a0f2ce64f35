import PresenceCore
import UserSig

/// Who calls, as the query says: `sdkappid`, `identifier` and `usersig`. `random` and `contenttype` say nothing
/// that matters here and are not looked at.
struct CompatibleCaller {
    private enum Parameter: String {
        case sdkappid, identifier, usersig
    }

    private let parameters: QueryParameters<Parameter>

    /// - Parameter query: as form data is encoded.
    init(_ query: Substring) throws(CompatibleFailure) {
        do {
            parameters = try QueryParameters(query, plusIsBlank: true)
        } catch {
            throw CompatibleFailure(.badRequest, "The query parameter \(error.field) \(error.message).")
        }
    }

    /// Lets an administrator of the app pass who shows a usersig of their own.
    /// - Returns: who that is.
    func check(for command: CompatibleCommand, of app: CompatibleApp) throws -> String {
        guard let sdkAppID = parameters[.sdkappid] else {
            throw CompatibleFailure(.sdkAppIDMissing, "Send the app's id as the query parameter sdkappid.")
        }
        guard Int(sdkAppID) == app.key.sdkAppID else {
            throw CompatibleFailure(.sdkAppIDUnknown, "This service has no app with this sdkappid; check it.")
        }
        guard let identifier = parameters[.identifier] else {
            throw CompatibleFailure(.identifierMissing, "Send an administrator as the query parameter identifier.")
        }
        guard let userSig = parameters[.usersig] else {
            throw CompatibleFailure(.userSigMissing, "Send the administrator's usersig as the query parameter usersig.")
        }
        _ = try app.verify(userSig, of: identifier)
        guard app.admins.contains(where: { $0.utf8.elementsEqual(identifier.utf8) }) else {
            throw CompatibleFailure(command.needsAdministrator, "The identifier must be an administrator of the app.")
        }
        return identifier
    }
}
