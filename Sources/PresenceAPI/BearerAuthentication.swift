import Crypto
import NIOHTTP1

/// Lets only callers in that show a key of the role a call needs; everybody when there are no keys.
///
/// Digests are compared, in constant time and always all of them: how long a refusal takes tells
/// nothing about the keys.
struct BearerAuthentication: Sendable {
    private struct Key: Sendable {
        let digest: SHA256.Digest
        let roles: [Role]
        let caller: Caller
    }

    /// Who shows a key, as the log says it: never the key.
    struct Caller: Sendable, Equatable {
        let name: String

        /// There are no keys.
        static let anybody = Caller(name: "anybody, as there are no keys")

        private init(name: String) { self.name = name }

        /// - Parameter place: counted from 1.
        init(key place: Int, of list: String) { name = "key \(place) of \(list)" }
    }

    private let keys: [Key]

    init(_ keys: APIKeys) {
        self.keys = keys.lists.flatMap { list in
            list.keys.enumerated().map { index, key in
                Key(digest: Self.digest(key), roles: list.roles, caller: Caller(key: index + 1, of: list.name))
            }
        }
    }

    /// Without keys anybody may, but for a web page of another site: a browser on this machine asks for whatever page it
    /// shows.
    /// - Throws: a problem unless the headers show a key of this role.
    func caller(_ headers: HTTPHeaders, as role: Role) throws(Problem) -> Caller {
        if keys.isEmpty {
            guard !Self.isOfAnotherSite(headers) else { throw .otherSite }
            return .anybody
        }
        guard let shown = Self.shown(headers) else { throw .unauthorized }
        var isKnown = false
        var caller: Caller?
        for key in keys where key.digest == shown {
            isKnown = true
            if caller == nil, key.roles.contains(role) { caller = key.caller }
        }
        guard isKnown else { throw .unauthorized }
        guard let caller else { throw .needsKey(of: role) }
        return caller
    }

    private static func isOfAnotherSite(_ headers: HTTPHeaders) -> Bool {
        headers["sec-fetch-site"].contains { !["same-origin", "none"].contains($0.lowercased()) }
    }

    private static func shown(_ headers: HTTPHeaders) -> SHA256.Digest? {
        let values = headers["authorization"]
        guard values.count == 1 else { return nil }
        let parts = values[0].split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return digest(parts[1])
    }

    private static func digest(_ key: some StringProtocol) -> SHA256.Digest {
        SHA256.hash(data: Array(key.utf8))
    }
}

extension Problem {
    fileprivate static var unauthorized: Problem {
        Problem(.unauthorized, "Send one of the service's keys as `Authorization: Bearer <key>`.")
    }

    fileprivate static var otherSite: Problem {
        Problem(
            .unauthorized,
            "A page of another site may not call a service without keys: set auth.api-keys, or call it from a backend.")
    }

    fileprivate static func needsKey(of role: Role) -> Problem {
        Problem(
            role.problemCode,
            "This key is known, but may not do this: use one of auth.\(role.rawValue)-keys or auth.api-keys.")
    }
}

extension Role {
    fileprivate var problemCode: ProblemCode {
        switch self {
        case .read: .readKeyNeeded
        case .write: .writeKeyNeeded
        case .operate: .operateKeyNeeded
        }
    }
}
