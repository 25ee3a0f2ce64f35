import Foundation
import PresenceCore

/// The receiver's address: `http` or `https`, a host, any path and query. The query is kept, what
/// describes the change is appended to it.
package struct CallbackURL: Sendable {
    private let base: String
    private let query: String

    /// Refuses what would be dropped or leaked on the way: fragments, credentials, raw spaces.
    package init(_ text: String, field: String = "callback.url") throws(InvalidInput) {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        let rest = text.dropFirst(scheme.count)
        let host = rest.dropFirst(3).prefix { !"/?#".contains($0) }
        guard ["http", "https"].contains(scheme), rest.hasPrefix("://"), !host.isEmpty else {
            throw InvalidInput(field: field, message: "must be an http or https URL")
        }
        guard !host.contains("@"), !text.contains("#"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw InvalidInput(
                field: field, message: "must be printable ASCII without credentials and without a fragment (#)")
        }
        guard let url = URL(string: text), let name = url.host, !name.isEmpty, (1...65_535).contains(url.port ?? 80)
        else {
            throw InvalidInput(field: field, message: "must have a host, and a port from 1 to 65535 if any")
        }
        base = String(text.prefix { $0 != "?" })
        query = String(text.drop { $0 != "?" }.dropFirst())
    }

    /// The URL of one attempt.
    func request(for change: StatusChange, sdkAppID: Int, proof: [(name: String, value: String)]) -> String {
        let described =
            [
                (name: "SdkAppid", value: String(sdkAppID)),
                (name: "CallbackCommand", value: CallbackBody.command),
                (name: "contenttype", value: "json"),
                (name: "ClientIP", value: change.address ?? ""),
                (name: "OptPlatform", value: change.originName),
            ] + proof
        let pairs = described.map { "\($0.name)=\($0.value.percentEncoded)" }
        return base + "?" + ((query.isEmpty ? [] : [query]) + pairs).joined(separator: "&")
    }
}

extension StatusChange {
    /// Who caused the change, in the words of `OptPlatform`: the backend, or the platform of the session.
    var originName: String {
        switch reason {
        case .kicked, .expired: return "RESTAPI"
        case .register, .unregister, .linkClose, .timeOut: break
        }
        switch session.platform {
        case .iPhone: return "IOS"
        case .web, .miniProgram: return "Web"
        case .android, .windows, .mac, .iPad, .linux: return session.platform.name
        default: return "Unknown"
        }
    }
}

extension CharacterSet {
    /// RFC 3986's unreserved characters.
    fileprivate static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}

extension String {
    /// Everything but unreserved characters as `%XX` of its UTF-8 bytes.
    fileprivate var percentEncoded: String { addingPercentEncoding(withAllowedCharacters: .unreserved) ?? "" }
}
